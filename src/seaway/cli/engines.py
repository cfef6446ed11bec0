"""`seaway engines`: which engine runs a model, which others were tried, and what was found.

It prints what `GET /v1/models` says of it and decides nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from seaway.cli.rest import call, server_at
from seaway.errors import NotFound

_COLUMNS = ("version", "engine", "result", "one in flight", "many in flight", "compared", "difference", "why")
_PIPE_COLUMNS = 240
_RIGHT = frozenset(_COLUMNS) - {"engine", "result", "why"}


def engines(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    server: Annotated[
        str, typer.Option("--server", metavar="HOST:PORT", help="REST API of the server.")
    ] = "localhost:8501",
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's own JSON.")] = False,
) -> None:
    """Show which engine runs a model, which others were tried for it, what they measured, and why one was chosen."""
    versions = versions_of(call(server_at(server), "/v1/models"), model)
    if as_json:
        typer.echo(json.dumps(versions, indent=2))
        return
    # What reads a pipe wants whole lines.
    console = Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
    console.print(table(versions))
    for line in remarks(versions):
        console.print(line, highlight=False)


def versions_of(listing: Mapping[str, Any], model: str) -> list[dict[str, Any]]:
    """Return what the list of models says of the engines of one model's loaded versions.

    Raises:  NotFound - there is no such model; the message lists those there are.
    """
    models = {each["name"]: each for each in listing.get("models", [])}
    if model not in models:
        raise NotFound(f"the server has no model {model!r}; it has: {', '.join(sorted(models)) or 'none'}")
    kept = ("version", "state", "engine", "engine_choice")
    loaded = (version for version in models[model]["versions"] if "engine" in version)
    return [{name: version[name] for name in kept if name in version} for version in loaded]


def table(versions: list[dict[str, Any]]) -> Table:
    """Return a row for the engine of each version, and one for each engine that was tried for it."""
    shown = Table(box=None, header_style="bold")
    for column in _COLUMNS:
        last = column == _COLUMNS[-1]
        shown.add_column(column, justify="right" if column in _RIGHT else "left", overflow="fold", no_wrap=not last)
    for version in versions:
        for row in _rows(version):
            shown.add_row(*row)
    return shown


def remarks(versions: list[dict[str, Any]]) -> Iterator[str]:
    """Return what was noted while engines were compared, a line each, and what a trial does now."""
    for version in versions:
        choice = version.get("engine_choice", {})
        if "doing" in choice:
            yield f"version {version['version']}: {choice['state']}: {choice['doing']}"
        for tried in choice.get("tried", []):
            for note in sorted(set(tried.get("notes", []))):
                yield f"version {version['version']}: {tried['engine']} differs where that is allowed: {note}"


def _rows(version: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    choice = version.get("engine_choice", {"state": "chosen by the settings"})
    tried = choice.get("tried", [])
    before: dict[str, float] = next((each["before"] for each in tried if "before" in each), {})
    number, running = str(version["version"]), version["engine"]
    if running == choice.get("before", running):
        yield (number, running, f"serves ({choice['state']})", *_figures(before), "", "", choice.get("why", ""))
    else:
        yield (number, choice["before"], "was before", *_figures(before), "", "", "")
    for each in tried:
        is_running = each["engine"] == running
        result = f"serves ({choice['state']})" if is_running else each["result"]
        yield (
            number,
            each["engine"],
            result,
            *_figures(each.get("measured", {})),
            str(each.get("compared", "")),
            f"{each['largest_difference']:.1e}" if "largest_difference" in each else "",
            each["why"],
        )


def _figures(figures: Mapping[str, float]) -> tuple[str, str]:
    if not figures:
        return "", ""
    return f"{figures['p50_ms']:g} ms", f"{figures['requests_per_s']:g}/s"
