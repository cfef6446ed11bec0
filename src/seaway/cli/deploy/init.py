"""`seaway init`: a commented description for the models that are there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from seaway.cli.deploy.console import print_json
from seaway.cli.deploy.options import FILE_NAME
from seaway.deploy.description.example import example
from seaway.deploy.model_store import models_in
from seaway.errors import AlreadyExists
from seaway.stores.url import is_remote, shown

_OTHER = re.compile(r"[^a-z0-9]+")
_LONGEST = 40


def init(
    store: Annotated[
        str, typer.Option("--store", metavar="DIR", help="The model store: a directory, or a URL.")
    ] = "models",
    project: Annotated[
        str, typer.Option("--project", help="Name of the deployment; the directory's unless given.")
    ] = "",
    file: Annotated[Path, typer.Option("--file", "-f", metavar="FILE", help="File to write.")] = Path(FILE_NAME),
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a commented seaway.yaml for the models in a store."""
    if file.exists() and not force:
        raise AlreadyExists(f"{file} is there already; --force writes over it, --file names another one")
    models = models_in(store)
    name = project or project_name(file.absolute().parent.name)
    text = example(name, _relative(store, file.absolute().parent), models)
    file.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"file": str(file), "project": name, "models": models})
        return
    found = (
        f"models {', '.join(models)}"
        if models
        else f"no model in {shown(store)} yet: put its name in the place of NAME"
    )
    typer.echo(f"{file}: project {name}, {found}")
    typer.echo("`seaway plan` shows what would be done, `seaway deploy` does it")


def project_name(directory: str) -> str:
    """Return a directory's name as a project may be called."""
    name = _OTHER.sub("-", directory.lower()).strip("-")[:_LONGEST].strip("-")
    return name if name[:1].isalpha() else f"models-{name}".strip("-")


def _relative(store: str, base: Path) -> str:
    if is_remote(store) or Path(store).is_absolute():
        return store
    relative = os.path.relpath(store, base)
    return relative if relative.startswith(".") else f"./{relative}"
