"""`seaway verify`: whether a version answers as it was recorded to, on each engine that takes it.

The replay is `seaway.serving.verification`; here it is shown and becomes an exit code. No server is needed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from seaway import extras
from seaway.cli.version.place import to_load
from seaway.engines.choice import is_installed, model_files, natural
from seaway.engines.registry import KINDS, TENSORFLOW
from seaway.engines.tensorflow import find
from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.serving.verification import Outcome, recorded_of, verify

_COLUMNS = ("engine", "result", "compared", "largest difference", "why")
_PIPE_COLUMNS = 200


def show(path: str, engine: str, as_json: bool) -> None:
    """Print what each engine answers; `engine` is the only one where it is named.

    Raises:  FailedPrecondition - one answers otherwise than recorded, or there is nothing to compare.
    """
    with to_load(path) as place:
        recorded = recorded_of(place.path)
        engines = engines_to_ask(place.path, engine)
        outcomes = list(verify(place.path, engines, recorded))
    _show(place.name, outcomes, as_json)
    if why := failed(outcomes, engine or engines[0]):
        raise FailedPrecondition(f"{place.name} does not answer as recorded: {why}")


def engines_to_ask(directory: Path, named: str) -> tuple[str, ...]:
    """Return the engines to replay on, the one that the files are for first.

    Raises:  InvalidArgument - there is no engine of that name; FailedPrecondition - none that is installed takes it.
    """
    if named and named not in KINDS:
        raise InvalidArgument(f"--engine {named!r} is no engine; the engines are {', '.join(sorted(KINDS))}")
    if named:
        return (named,)
    files, usable = model_files(directory), installed()
    taking = [name for name, kind in KINDS.items() if name in usable and files & set(kind.files)]
    if not taking:
        needed = [extras.command(name) for name, kind in sorted(KINDS.items()) if files & set(kind.files)]
        raise FailedPrecondition(f"no engine for {directory} is installed; install one: {' or '.join(needed)}")
    first = natural(files, usable)[0]
    return (first, *(name for name in taking if name != first))


def installed() -> frozenset[str]:
    """Return the engines that can be used here."""
    found = {name for name, kind in KINDS.items() if not kind.package or is_installed(kind.package)}
    try:
        find()
    except FailedPrecondition:
        found.discard(TENSORFLOW)
    return frozenset(found)


def failed(outcomes: Sequence[Outcome], must: str) -> str:
    """Return why the version is not proven, empty when it is; `must` has to have answered."""
    for each in outcomes:
        if each.result == "differs" or (each.result == "refused" and each.engine == must):
            return f"{each.engine}: {each.why[0]}"
    return ""


def _show(version: str, outcomes: Sequence[Outcome], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"version": version, "engines": [asdict(each) for each in outcomes]}, indent=2))
        return
    shown = Table(box=None, header_style="bold")
    for column in _COLUMNS:
        shown.add_column(column, overflow="fold", no_wrap=column != _COLUMNS[-1])
    for each in outcomes:
        largest = f"{each.largest:.1e}" if each.compared else ""
        shown.add_row(each.engine, each.result, str(each.compared or ""), largest, _first(each.why))
    Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(shown, highlight=False)


def _first(why: Sequence[str]) -> str:
    return "" if not why else why[0] + (f" (and {len(why) - 1} more)" if len(why) > 1 else "")
