"""Measure a whole server: `python bench/run.py [PART]... [--serve=FLAG]...`, or `make bench`.

Parts are throughput, start, memory and loading; all of them when none is named. Tables go to standard output, every
number to `results.json` in the output directory. Nothing is asserted: a slow machine gives slow numbers, not a failure.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from bench import load, loading, machine, memory, start_up, throughput
from bench.models import HALF_PLUS_TWO, LARGE, MNIST_CNN, saved_model

PARTS: dict[str, Callable[[Path, Console, Sequence[str]], dict[str, Any]]] = {
    "throughput": throughput.measure,
    "start": start_up.measure,
    "memory": memory.measure,
    "loading": loading.measure,
}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}")
    parser.add_argument("--out", type=Path, default=machine.CHECKOUT / "artifacts" / "bench", help="output directory")
    parser.add_argument("--serve", action="append", default=[], metavar="FLAG", help="a flag for every `seaway serve`")
    options = parser.parse_args()
    for part in options.parts:
        if part not in PARTS:
            parser.error(f"no part {part!r}; there are: {', '.join(PARTS)}")
    return options


def _empty(directory: Path) -> Path:
    """Return the directory without what an earlier run left: its ports would be taken for the new server's."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def main() -> int:
    """Run the parts, write the results, and return the exit status."""
    options = arguments()
    if not load.PROGRAM.exists():
        print(f"{load.PROGRAM} is missing: cargo build --release -p seaway-bench", file=sys.stderr)
        return 2
    for subject in (HALF_PLUS_TWO, MNIST_CNN, LARGE):
        saved_model(subject)
    console = Console(width=None if sys.stdout.isatty() else 120)
    here = machine.this_machine()
    console.print(here.line(), soft_wrap=True)
    measured: dict[str, Any] = {"machine": asdict(here)}
    begin = time.monotonic()
    for part in options.parts or PARTS:
        measured[part] = PARTS[part](_empty(options.out / part), console, options.serve)
    results = options.out / "results.json"
    results.write_text(json.dumps(measured, indent=1) + "\n")
    console.print(f"{time.monotonic() - begin:.0f} s; every number: {results}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
