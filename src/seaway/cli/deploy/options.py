"""Options that all verbs of a deployment share, and the deployment that they name."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from seaway import extras
from seaway.cli.recorded import NEEDED
from seaway.clock import SystemClock
from seaway.deploy.deployment import Deployment
from seaway.deploy.description.schema import TARGETS, Description
from seaway.deploy.description.secrets import identify, read_secrets
from seaway.deploy.desire import Source
from seaway.deploy.site import Place
from seaway.deploy.targets.choice import site_at
from seaway.errors import FailedPrecondition, InvalidArgument

FILE_NAME = "seaway.yaml"
_WORD = re.compile(r"(?:\$\{|\benv:\s*[\"']?)([A-Za-z_][A-Za-z0-9_]*)")

File: TypeAlias = Annotated[
    Path, typer.Option("--file", "-f", metavar="FILE", help="Description of the deployment.", show_default=True)
]
Environment: TypeAlias = Annotated[
    str, typer.Option("--environment", "-e", metavar="NAME", help="Overlay of the description to use.")
]
TargetName: TypeAlias = Annotated[
    str,
    typer.Option("--target", metavar="|".join(TARGETS), help="Where it runs, instead of what the description says."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON; progress goes to the error stream.")]
Yes: TypeAlias = Annotated[bool, typer.Option("--yes", "-y", help="Carry the plan out without asking.")]


def described(file: Path, environment: str, target: str) -> Description:
    """Return the description that the options name.

    Raises:  InvalidArgument - a mistake in it, or no such target; NotFound - there is no such file.
    """
    if target and target not in TARGETS:
        raise InvalidArgument(f"--target cannot be {target!r}; use one of {', '.join(TARGETS)}")
    try:
        from seaway.deploy.description.read import read  # noqa: PLC0415 - servers go without its packages
    except ModuleNotFoundError as err:
        raise FailedPrecondition(
            f"deploying needs the package {err.name!r}; install what that needs: {extras.command('deploy')}"
        ) from err
    return read(file, environment, os.environ, target)


def opened(file: Path, environment: str, target: str) -> Deployment:
    """Return the deployment that the options name.

    Raises:  as `described`; FailedPrecondition - the target's packages are not installed.
    """
    description = described(file, environment, target)
    base = file.absolute().parent
    clock = SystemClock()
    secrets = read_secrets(description, base, os.environ)
    source = Source(file.absolute(), environment, target, named_variables(file.read_text(encoding="utf-8"), os.environ))
    site = site_at(Place(description, base, secrets, clock, source))
    identities = identify(secrets, description, site.state)
    return Deployment(description, base, site, clock, who(), identities, source, monitor_lacks())


def monitor_lacks() -> str:
    """Return the first package that a monitor on this machine would miss; empty where all are there."""
    return next((name for name in NEEDED if find_spec(name) is None), "")


def named_variables(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Return those variables that a description names, in a text or as the place of a secret. Pure."""
    words = set(_WORD.findall(text))
    return {name: value for name, value in sorted(environ.items()) if name in words}


def who() -> str:
    """Return who is at the keyboard, for lock and history."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
