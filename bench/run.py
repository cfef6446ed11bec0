"""Measure a whole server and print one table: `make bench`, or `python -m bench.run [--only NAME]...`.

The table goes to standard output and, as markdown, to `table.md` in the output directory; every number to
`results.json`. Nothing passes or fails by it: a slow machine gives slow numbers. "Met" says whether a figure reaches
its target on this machine, now.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from rich.console import Console

from bench import limits, lines, load, loading, machine, memory, overload, serving, start_up, table
from bench.limits import Limit
from bench.lines import Line
from bench.load import Report
from bench.models import SUBJECTS, Subject, saved_model
from bench.overload import CASES, Case
from bench.rows import ROWS, Row
from bench.serving import SYNCHRONOUS, Conditions, Told, Variant, variant


@dataclass(frozen=True, slots=True)
class Part:
    """Something about a server that is no row of requests: measured, then told in lines."""

    measure: Callable[[Path, Sequence[str], Told], dict[str, Any]]
    lines: Callable[[dict[str, Any]], Iterator[Line]]


PARTS: Mapping[str, Part] = {
    "start": Part(start_up.measure, start_up.lines),
    "memory": Part(memory.measure, memory.lines),
    "loading": Part(loading.measure, loading.lines),
}
NAMES = (*(row.name for row in ROWS), *(case.name for case in CASES), *PARTS)
WIDTH = 220


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    rows: Sequence[Row]
    cases: Sequence[Case]
    parts: Sequence[str]
    engines: Sequence[str]
    rounds: int
    out: Path
    serve: Sequence[str]


def arguments(given: Sequence[str] | None = None) -> Options:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", help=f"measure only this: {', '.join(NAMES)}")
    parser.add_argument("--engines", default="tensorflow,auto", help="engines to serve with (tensorflow,auto)")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each row (3)")
    parser.add_argument("--out", type=Path, default=machine.CHECKOUT / "artifacts" / "bench", help="output directory")
    parser.add_argument("--serve", action="append", default=[], metavar="FLAG", help="a flag for every `seaway serve`")
    parsed = parser.parse_args(given)
    wanted = parsed.only or NAMES
    if unknown := sorted(set(wanted) - set(NAMES)):
        parser.error(f"--only {unknown[0]}: there are: {', '.join(NAMES)}")
    if parsed.rounds < 1:
        parser.error(f"--rounds {parsed.rounds} is not above 0")
    return Options(
        [row for row in ROWS if row.name in wanted],
        [case for case in CASES if case.name in wanted],
        [name for name in PARTS if name in wanted],
        parsed.engines.split(","),
        parsed.rounds,
        parsed.out,
        parsed.serve,
    )


def main() -> int:
    """Measure, print, write, and return the exit status."""
    options = arguments()
    if not load.PROGRAM.exists():
        print(f"{load.PROGRAM} is missing: cargo build --release -p seaway-bench", file=sys.stderr)
        return 2
    for subject in SUBJECTS:
        saved_model(subject)
    here, begin = machine.this_machine(), time.monotonic()
    _empty(options.out)

    def told(what: str) -> None:
        print(f"{time.monotonic() - begin:4.0f} s  {what}", file=sys.stderr, flush=True)

    measured, found = _measure(options, told)
    _write(options.out, {"machine": asdict(here), **measured}, here, found)
    console = Console(width=WIDTH)
    console.print(here.line(), soft_wrap=True)
    table.show(console, f"Seaway, median of {options.rounds}", lines.COLUMNS, [line.cells() for line in found])
    console.print(_generator_line(measured["rows"]), soft_wrap=True)
    console.print(f"{time.monotonic() - begin:.0f} s; every number: {options.out / 'results.json'}")
    return 0


def _measure(options: Options, told: Told) -> tuple[dict[str, Any], list[Line]]:
    reports = _rows(options, told)
    limited = _limits(options, reports, told)
    found = [line for row in options.rows for line in lines.row_lines(row, reports, limited)]
    overloads: dict[str, Any] = {}
    for case in options.cases:
        directory = options.out / case.name
        result = overload.measure(_empty(directory), case, variant(options.engines[0]), options.serve, told)
        found += lines.overload_lines(case, options.engines[0], result)
        overloads[case.name] = asdict(result)
    parts: dict[str, Any] = {}
    for name in options.parts:
        parts[name] = PARTS[name].measure(_empty(options.out / name), options.serve, told)
        found += PARTS[name].lines(parts[name])
    plain = {engine: {name: asdict(limit) for name, limit in of.items()} for engine, of in limited.items()}
    return {"rows": reports, "limits": plain, "overload": overloads, **parts}, found


def _rows(options: Options, told: Told) -> dict[str, dict[str, list[Report]]]:
    reports: dict[str, dict[str, list[Report]]] = {}
    if not options.rows:
        return reports
    for engine in options.engines:
        reports[engine] = _served(options, variant(engine), options.rows, told)
    if synchronous := [row for row in options.rows if row.synchronous]:
        reports[SYNCHRONOUS.name] = _served(options, SYNCHRONOUS, synchronous, told)
    return reports


def _served(options: Options, how: Variant, rows: Sequence[Row], told: Told) -> dict[str, list[Report]]:
    directory = _empty(options.out / "".join(letter if letter.isalnum() else "_" for letter in how.name))
    return serving.measure(directory, rows, how, Conditions(options.serve, options.rounds, told))


def _limits(
    options: Options, reports: Mapping[str, Mapping[str, Sequence[Report]]], told: Told
) -> dict[str, dict[str, Limit]]:
    """Measure by itself each engine that served, once for each model that it served."""
    found: dict[str, dict[str, Limit]] = {engine: {} for engine in options.engines}
    measured: dict[tuple[str, str], Limit | None] = {}
    for engine in options.engines:
        for row in options.rows:
            ran = next((report["engine"] for report in reports[engine][row.name]), engine)
            key = (ran, row.subject.name)
            if key not in measured:
                measured[key] = _limit(ran, row.subject, told)
            if (limit := measured[key]) is not None:
                found[engine][row.subject.name] = limit
    return found


def _limit(engine: str, subject: Subject, told: Told) -> Limit | None:
    told(f"{engine} by itself: {subject.name}")
    try:
        return limits.best(limits.measure(engine, subject))
    except load.LoadFailed as failed:
        told(f"{engine} by itself: {subject.name}: {failed}")
        return None


def _empty(directory: Path) -> Path:
    """Return the directory without what an earlier run left: its ports would be taken for the new server's."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _write(out: Path, measured: dict[str, Any], here: machine.Machine, found: Sequence[Line]) -> None:
    text = json.dumps({**measured, "table": [dataclasses.asdict(line) for line in found]}, indent=1)
    (out / "results.json").write_text(text + "\n")
    page = f"{here.line()}\n\n{table.markdown(lines.COLUMNS, (line.cells() for line in found))}"
    (out / "table.md").write_text(page)


def _generator_line(reports: Mapping[str, Mapping[str, Sequence[Report]]]) -> str:
    """What the load generator itself took, which the server went without."""
    every = [report for of in reports.values() for several in of.values() for report in several]
    if not every:
        return ""
    shares = [report["client_processor_seconds"] / report["seconds"] for report in every]
    micros = [report["generator_cpu_micros"] for report in every]
    return (
        f"The load generator took {min(micros):.1f} to {max(micros):.1f} µs of processor time per request, "
        f"{min(shares):.0%} to {max(shares):.0%} of one core"
    )


if __name__ == "__main__":
    sys.exit(main())
