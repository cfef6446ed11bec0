"""`seaway models`: what a server serves, in which state, at which price, and why not.

It prints what `GET /v1/models` says and decides nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from seaway.cli.rest import call, server_at
from seaway.errors import OK, code_name

_COLUMNS = ("model", "version", "labels", "state", "engine", "memory", "private", "worker", "why not")
_PIPE_COLUMNS = 200
_RIGHT = frozenset({"version", "memory", "private", "worker"})
_KIB = 1024


def models(
    server: Annotated[
        str, typer.Option("--server", metavar="HOST:PORT", help="REST API of the server.")
    ] = "localhost:8501",
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's own JSON.")] = False,
) -> None:
    """Show the models of a running server: versions, states, engine, memory, and why one is not served."""
    listing = call(server_at(server), "/v1/models")
    if as_json:
        typer.echo(json.dumps(listing, indent=2))
    else:
        # What reads a pipe wants whole lines.
        Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(table(listing))


def table(listing: Mapping[str, Any]) -> Table:
    """Return the listing as a table: one row per version, and one for a model without any."""
    shown = Table(box=None, header_style="bold")
    for column in _COLUMNS:
        right, last = column in _RIGHT, column == _COLUMNS[-1]
        shown.add_column(column, justify="right" if right else "left", overflow="fold", no_wrap=not last)
    for model in listing.get("models", []):
        for version in model.get("versions") or [{}]:
            shown.add_row(*_row(model, version))
    return shown


def _row(model: Mapping[str, Any], version: Mapping[str, Any]) -> tuple[str, ...]:
    number = version.get("version")
    labels = sorted(label for label, labelled in model.get("labels", {}).items() if str(labelled) == str(number))
    return (
        model["name"],
        "" if number is None else str(number),
        ", ".join(labels),
        version.get("state", "no version"),
        version.get("engine", ""),
        size(version.get("memory_bytes")),
        size(version.get("private_bytes")),
        str(version.get("worker_pid") or ""),
        _why_not(version) or model.get("problem", ""),
    )


def _why_not(version: Mapping[str, Any]) -> str:
    message, code = version.get("error_message", ""), version.get("error_code", OK)
    name = code_name(code) if isinstance(code, int) else str(code)
    return message if name == code_name(OK) else f"{name}: {message}"


def size(count: int | None) -> str:
    """Return a number of bytes with three digits that matter, for instance 1258291 → `1.2 MiB`; nothing for None."""
    if not count:
        return ""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < _KIB:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _KIB
    return f"{amount:.1f} TiB"
