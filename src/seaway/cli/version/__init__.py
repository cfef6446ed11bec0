"""`seaway inspect`, `seaway verify` and `seaway diff`: the verbs about one version's files, without a server.

Their options are here; what they do is imported when one of them runs, because it brings numpy and engines along, which
no other verb wants at its start.
"""

from __future__ import annotations

from typing import Annotated

import typer

_AsJson = Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")]


def inspect(
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help="Directory or URL of a version, of a model, or an .onnx or .tflite file."),
    ],
    as_json: _AsJson = False,
) -> None:
    """Show signatures, operations, sizes, the engines that can take it and why not, its proof and its statistics."""
    from seaway.cli.version.inspect import show  # noqa: PLC0415

    show(path, as_json)


def verify(
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="Directory or URL of a version, or of a model: its newest version.")
    ],
    engine: Annotated[
        str, typer.Option("--engine", metavar="NAME", help="Ask this engine only; the default is every one installed.")
    ] = "",
    as_json: _AsJson = False,
) -> None:
    """Replay a version's recorded requests on each installed engine and compare the answers with the recorded ones.

    Exit code 0: every engine that loads the version answers as recorded. An engine that does not load it is listed, and
    counts only if it was asked for by name, or is the one that the files are for.
    """
    from seaway.cli.version.verify import show  # noqa: PLC0415

    show(path, engine, as_json)


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The version that clients know: a directory or URL.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The version that is to take its place.")],
    answers: Annotated[
        bool, typer.Option("--answers/--no-answers", help="Ask B what A has recorded; this loads B.")
    ] = True,
    as_json: _AsJson = False,
) -> None:
    """Show what changes for clients from A to B: signatures, and answers to the requests recorded with A.

    Exit code 1: something breaks, which is a signature that no longer takes or gives what it did, or a recorded request
    that B refuses. Other answers alone do not: a version that was trained anew is meant to answer otherwise.
    """
    from seaway.cli.version.diff import show  # noqa: PLC0415

    show(before, after, answers, as_json)
