"""`seaway batching`: how a model's requests are joined, and a change of that without a reload.

It prints what `GET /v1/models/MODEL/batching` says. A change reads that first and sends it back with what the options
say, so that what is not named stays as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from seaway.cli.rest import call, server_at
from seaway.errors import InvalidArgument

_COLUMNS = ("version", "signature", "joined", "runs", "rows/run", "requests/run", "why not")
_NUMBERS = frozenset({"version", "runs", "rows/run", "requests/run"})
_PIPE_COLUMNS = 200


def batching(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    enabled: Annotated[
        bool | None, typer.Option("--on/--off", help="Join requests, or run each by itself.", show_default=False)
    ] = None,
    max_batch_size: Annotated[
        int | None, typer.Option(metavar="ROWS", help="Most rows of a request or of requests joined.")
    ] = None,
    batch_timeout_micros: Annotated[
        int | None, typer.Option(metavar="MICROSECONDS", help="Time that the first request waits for others.")
    ] = None,
    max_enqueued_batches: Annotated[
        int | None, typer.Option(metavar="N", help="Batches' worth of rows that may wait.")
    ] = None,
    num_batch_threads: Annotated[int | None, typer.Option(metavar="N", help="Batches in flight.")] = None,
    allowed_batch_sizes: Annotated[
        str | None, typer.Option(metavar="N,N,…", help="Sizes that runs are padded to; empty for any size.")
    ] = None,
    pad_variable_length_inputs: Annotated[
        bool | None, typer.Option(help="Pad inputs of different inner sizes to the largest.", show_default=False)
    ] = None,
    enable_large_batch_splitting: Annotated[
        bool | None, typer.Option(help="Cut requests that are larger than a run may be.", show_default=False)
    ] = None,
    max_execution_batch_size: Annotated[
        int | None, typer.Option(metavar="ROWS", help="Most rows of one run when large requests are cut.")
    ] = None,
    server: Annotated[
        str, typer.Option("--server", metavar="HOST:PORT", help="REST API of the server.")
    ] = "localhost:8501",
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's own JSON.")] = False,
) -> None:
    """Show how a running server joins a model's requests, or change it; the server must allow that (`--admin-calls`).

    For instance: `seaway batching resnet --max-batch-size 32`, or `seaway batching resnet --off`.
    """
    changes = {
        "enabled": enabled,
        "max_batch_size": max_batch_size,
        "batch_timeout_micros": batch_timeout_micros,
        "max_enqueued_batches": max_enqueued_batches,
        "num_batch_threads": num_batch_threads,
        "allowed_batch_sizes": None if allowed_batch_sizes is None else sizes(allowed_batch_sizes),
        "pad_variable_length_inputs": pad_variable_length_inputs,
        "enable_large_batch_splitting": enable_large_batch_splitting,
        "max_execution_batch_size": max_execution_batch_size,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    at, path = server_at(server), f"/v1/models/{quote(model, safe='')}/batching"
    answer = call(at, path)
    if changes:
        answer = call(at, path, json.dumps(changed(answer, changes)).encode(), method="PUT")
    if as_json:
        typer.echo(json.dumps(answer, indent=2))
        return
    # What reads a pipe wants whole lines.
    console = Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
    for version in answer["versions"]:
        console.print(f"version {version['version']}: {parameters_line(version['parameters'])}", highlight=False)
    console.print(table(answer))


def sizes(text: str) -> list[int]:
    """Return the numbers of `1,2,4`; none of an empty text.

    Raises:  InvalidArgument - something between the commas is no number.
    """
    try:
        return [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError as err:
        raise InvalidArgument(f"--allowed-batch-sizes is {text!r}; write numbers with commas, such as 1,2,4") from err


def changed(answer: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of the newest version with these changes."""
    versions = answer["versions"]
    return {**(versions[-1]["parameters"] if versions else {}), **changes}


def parameters_line(parameters: Mapping[str, Any]) -> str:
    """Return the parameters that say something, for instance `max_batch_size=32 allowed_batch_sizes=[8,32]`."""
    if not parameters["enabled"]:
        return "off"
    told = {name: value for name, value in parameters.items() if name != "enabled" and value not in (0, False, [])}
    values = (f"{name}={json.dumps(value, separators=(',', ':'))}" for name, value in told.items())
    return " ".join(["on", *values])


def table(answer: Mapping[str, Any]) -> Table:
    """Return the signatures as a table, a row each."""
    shown = Table(box=None, header_style="bold")
    for column in _COLUMNS:
        last = column == _COLUMNS[-1]
        shown.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold", no_wrap=not last)
    for version in answer["versions"]:
        for name, signature in version["signatures"].items():
            shown.add_row(
                *(version["version"], name, "yes" if signature["joined"] else "no", str(signature["runs"])),
                *(f"{signature['mean_rows']:.1f}", f"{signature['mean_requests']:.1f}", signature["why_not"]),
            )
    return shown
