"""`seaway inspect`: what is in a version or a model file, without loading it; no framework is needed."""

from __future__ import annotations

import json

import typer

from seaway.cli.version.place import inspected, to_read
from seaway.cli.version.verify import installed
from seaway.export.inspection.shown import as_json as values
from seaway.export.inspection.shown import lines


def show(path: str, as_json: bool) -> None:
    """Print what there is. Raises: SeawayError - there is nothing, or it cannot be read."""
    with to_read(path) as place:
        found = inspected(place, installed())
    if as_json:
        typer.echo(json.dumps(values(found), indent=2))
        return
    for line in lines(found):
        typer.echo(line)
