"""`seaway operations`: what a server was asked to answer later.

It prints what `/v1/operations` says and decides nothing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.table import Table

from seaway.cli.rest import Server, call, server_at

_COLUMNS = ("id", "state", "model", "created", "ended", "attempts", "webhook", "error")
_PIPE_COLUMNS = 200
_PATH = "/v1/operations"

_SERVER = typer.Option("--server", metavar="HOST:PORT", help="REST API of the server.")
_ID = typer.Argument(metavar="ID", help="The operation.")


def operations() -> typer.Typer:
    """Return the verb with its own verbs."""
    app = typer.Typer(help="Show and cancel asynchronous requests.", no_args_is_help=True)
    app.command("list")(list_operations)
    app.command("get")(get)
    app.command("cancel")(cancel)
    return app


def list_operations(
    server: Annotated[str, _SERVER] = "localhost:8501",
    state: Annotated[
        str, typer.Option("--state", help="Only those that are pending, running, done, failed or cancelled.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the server's own JSON, one operation a line.")] = False,
) -> None:
    """Show the operations of a running server, in the order of acceptance."""
    found = every(server_at(server), state)
    if as_json:
        for operation in found:
            typer.echo(json.dumps(operation))
    else:
        # What reads a pipe wants whole lines.
        Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(table(found))


def get(operation: Annotated[str, _ID], server: Annotated[str, _SERVER] = "localhost:8501") -> None:
    """Print one operation, with its result when it has ended."""
    typer.echo(json.dumps(call(server_at(server), path(operation)), indent=2))


def cancel(operation: Annotated[str, _ID], server: Annotated[str, _SERVER] = "localhost:8501") -> None:
    """Cancel an operation that has not ended, or remove one that has."""
    left = call(server_at(server), path(operation), method="DELETE")
    typer.echo(left["state"] if left else "removed")


def path(operation: str) -> str:
    """Return the path of one operation."""
    return f"{_PATH}/{quote(operation, safe='')}"


def every(server: Server, state: str) -> Iterator[Mapping[str, Any]]:
    """Return all operations, page by page."""
    query = f"state={quote(state, safe='')}&" if state else ""
    token = "0"
    while token:
        page = call(server, f"{_PATH}?{query}page_size=1000&page_token={token}")
        yield from page["operations"]
        token = page.get("next_page_token", "")


def table(found: Iterator[Mapping[str, Any]]) -> Table:
    """Return operations as a table, one a row."""
    shown = Table(box=None, header_style="bold")
    for column in _COLUMNS:
        shown.add_column(column, overflow="fold", no_wrap=column != _COLUMNS[-1])
    for operation in found:
        shown.add_row(*row(operation))
    return shown


def row(operation: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a table says about one operation."""
    error = operation.get("error", {})
    return (
        operation["id"],
        operation["state"],
        operation["model"],
        operation["created_at"],
        operation.get("ended_at", ""),
        str(operation["attempts"]),
        operation.get("webhook", {}).get("state", ""),
        f"{error['code']}: {error['message']}" if error else "",
    )
