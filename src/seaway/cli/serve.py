"""`seaway serve`: merge the settings, and run a server with them.

The options are generated from the declarations of the settings, so there is none without documentation, and none that
the variables or the settings file lack.
"""

from __future__ import annotations

import inspect
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seaway.cli.beside import monitored
from seaway.errors import InvalidArgument
from seaway.settings.consistency import check
from seaway.settings.declaration import Setting
from seaway.settings.effective import SETTINGS_FILE_VARIABLE, Effective, load, shown
from seaway.settings.logging import set_up
from seaway.settings.server import ServerSettings, all_settings

if TYPE_CHECKING:
    from seaway.serving.server import Beside

_BASE_PATH = "models.model_base_path"
_LOG = logging.getLogger("seaway.cli")

_DOC = f"""Serve one model, or the models that a config file lists.

PATH is the directory or URL of one model, with one numbered directory per version: `seaway serve models/half_plus_two`,
`seaway serve s3://bucket/half_plus_two`.
Several models are listed in a ModelServerConfig: `seaway serve --config config.cfg`.

Every option can also be a variable or stand in a settings file; an option wins over a variable, a variable over the
file named by --settings or {SETTINGS_FILE_VARIABLE}, the file over the default. `--show-settings` prints what holds and
why.
"""


def serve_command() -> Callable[..., None]:
    """Return the function of the verb, its parameters generated from the declared settings."""
    options = {_parameter_name(setting): setting for setting in all_settings() if setting.declaration.flag}

    def serve(**given: Any) -> None:
        path, settings_file, show = given.pop("path"), given.pop("settings"), given.pop("show_settings")
        flags = {options[name].path: _text(value) for name, value in given.items() if value is not None}
        effective = _load(flags, path, settings_file)
        if show:
            typer.echo(shown(effective), nl=False)
            return
        raise typer.Exit(_run(effective))

    serve.__doc__ = _DOC
    parameters = [*_own_parameters(), *(_parameter(name, setting) for name, setting in options.items())]
    serve.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # read by typer
    serve.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return serve


def start(settings: ServerSettings, beside: Beside | None = None) -> int:
    """Run a server until it ends and return the exit code of the process; `beside` runs with it.

    Raises:  SeawayError, OSError - the server could not start.
    """
    from seaway.serving.server import run  # noqa: PLC0415 - `seaway models` needs neither the plane nor its start-up time

    return run(settings, beside=beside)


def _load(flags: dict[str, str], path: str | None, settings_file: Path | None) -> Effective:
    if path is not None:
        if _BASE_PATH in flags:
            raise InvalidArgument(
                f"PATH {path!r} and --base-path {flags[_BASE_PATH]!r} are both given; keep one of them"
            )
        flags = flags | {_BASE_PATH: path}
    return load(flags, os.environ, settings_file)


def _run(effective: Effective) -> int:
    check(effective.settings)
    set_up(effective.settings.logging, sys.stderr)
    for warning in effective.warnings:
        _LOG.warning(warning)
    return start(effective.settings, monitored)


def _own_parameters() -> list[inspect.Parameter]:
    path = typer.Argument(metavar="PATH", help="Directory or URL of one model.", show_default=False)
    settings = typer.Option("--settings", metavar="FILE", help="Settings file in TOML form.")
    show = typer.Option("--show-settings", help="Print the effective settings and where each came from, and end.")
    return [
        _keyword("path", Annotated[str | None, path], None),
        _keyword("settings", Annotated[Path | None, settings], None),
        _keyword("show_settings", Annotated[bool, show], False),
    ]


def _parameter(name: str, setting: Setting) -> inspect.Parameter:
    flag = setting.declaration.flag
    shared: Mapping[str, Any] = {
        "help": setting.declaration.doc + _shown_default(setting),
        "rich_help_panel": f"Settings: {setting.group}",
        "show_default": False,
    }
    if setting.kind == "true or false":
        names = f"{flag}/--no-{flag.removeprefix('--')}"
        return _keyword(name, Annotated[bool | None, typer.Option(names, **shared)], None)
    return _keyword(name, Annotated[str | None, typer.Option(flag, metavar=_metavar(setting), **shared)], None)


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _parameter_name(setting: Setting) -> str:
    return f"{setting.group}_{setting.name}"


def _metavar(setting: Setting) -> str:
    if setting.choices:
        return "|".join(choice for choice in setting.choices if choice)
    return {"integer": "N", "number": "X", "list of text": "A,B"}.get(setting.kind, "TEXT")


def _shown_default(setting: Setting) -> str:
    match setting.default:
        case bool():
            default = "on" if setting.default else "off"
        case tuple():
            default = ",".join(setting.default)
        case _:
            default = str(setting.default)
    return f" Default: {default}." if default else ""


def _text(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()
