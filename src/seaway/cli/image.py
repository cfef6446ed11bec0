"""`seaway image`: container images of a server."""

from __future__ import annotations

import platform as machine
from pathlib import Path
from typing import Annotated

import typer

import seaway
from seaway import extras
from seaway.cli.deploy.console import print_json
from seaway.errors import FailedPrecondition

_PLATFORMS = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}
_BASE = "python:3.11-slim"


def image() -> typer.Typer:
    """Return the verb with its own verbs."""
    app = typer.Typer(help="Container images of a server.", no_args_is_help=True)
    app.command("build")(build)
    app.callback()(_group)
    return app


def build(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    variant: Annotated[
        str, typer.Option("--variant", metavar="tensorflow|openvino|tensorflow-gpu", help="The engine in the image.")
    ] = "tensorflow",
    tag: Annotated[
        str, typer.Option("--tag", "-t", help="Name of the image; seaway:VERSION-VARIANT unless given.")
    ] = "",
    with_model: Annotated[
        Path | None, typer.Option("--with-model", metavar="DIR", help="Bake a model in: a directory of versions.")
    ] = None,
    base: Annotated[
        str, typer.Option("--base", metavar="IMAGE", help="Image with Python 3.11 and pip to build on.")
    ] = _BASE,
    wheel: Annotated[
        Path | None, typer.Option("--wheel", metavar="FILE", help="Seaway's own wheel; made or fetched unless given.")
    ] = None,
    platform: Annotated[
        str,
        typer.Option("--platform", metavar="OS/ARCH", help="linux/amd64 or linux/arm64; this machine's unless given."),
    ] = "",
    sbom: Annotated[
        Path | None, typer.Option("--sbom", metavar="FILE", help="Also write the bill of materials (CycloneDX) here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; progress goes to the error stream.")] = False,
) -> None:
    """Build an image with the local Docker engine. The same content has the same digest, whenever it is built."""
    try:
        from seaway.deploy.image import build as building  # noqa: PLC0415 - servers go without its packages
    except ModuleNotFoundError as err:
        raise FailedPrecondition(
            f"building images needs the package {err.name!r}; install what that needs: {extras.command('deploy')}"
        ) from err
    from seaway.deploy.image.order import ordered  # noqa: PLC0415
    from seaway.deploy.image.variants import variant_of  # noqa: PLC0415

    variant_of(variant)
    client = building.engine()

    def tell(line: str) -> None:
        typer.echo(line, err=as_json)

    with ordered(variant, wheel, platform or _PLATFORMS.get(machine.machine(), ""), with_model, tell) as order:
        built = building.build(client, order, tag or f"seaway:{seaway.__version__}-{variant}", base, tell)
    if sbom is not None:
        sbom.write_bytes(building.bill_of_materials(client, built.tag))
    if as_json:
        print_json({"tag": built.tag, "digest": built.digest, "bytes": built.bytes})
    else:
        typer.echo(f"{built.tag}: {built.digest}, {built.bytes / 1e6:.0f} MB")


def _group() -> None:
    """Container images of a server."""
