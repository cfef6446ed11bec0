"""`seaway stub`: a typed Python module from the signatures of a live model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seaway.errors import InvalidArgument, NotFound


def stub(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    address: Annotated[
        str, typer.Option("--from", metavar="ADDRESS", help="A server: HOST:PORT of gRPC, or http://HOST:PORT.")
    ] = "localhost:8500",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write there instead of to the terminal.")
    ] = None,
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="Version; the default is the latest.")
    ] = None,
    label: Annotated[str, typer.Option("--label", metavar="NAME", help="Version label, instead of a version.")] = "",
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="Bearer token to send.")
    ] = None,
) -> None:
    """Write a typed Python class for a model: a method per signature, with numpy's types.

    For instance: `seaway stub mnist --from localhost:8500 -o mnist.py`.
    """
    from seaway.client import Client  # noqa: PLC0415 - brings numpy, which every other command starts sooner without
    from seaway.client.stub import Origin, module_text  # noqa: PLC0415 - as above

    with Client(address, token_file=token_file) as client:
        signatures = client.metadata(model, version=version, label=label)
    if not signatures:
        raise NotFound(f"model {model!r} has no signatures; is it a SavedModel with `signatures=`?")
    text = module_text(Origin(model, address, version, label), signatures)
    if output is None:
        typer.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as err:
        raise InvalidArgument(f"--output {str(output)!r} cannot be written: {err}") from err
