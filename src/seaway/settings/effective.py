"""What holds in the end: flags over environment over settings file over defaults, and where each value came from.

In the environment a variable of Seaway's own is over one that every program reads (OpenTelemetry's). What the second
says was not meant for Seaway alone, so a value that is not allowed is left out with a warning and does not end the
start.

`load` is pure apart from reading the one settings file it is given: the environment and the flags are arguments, so
that tests need neither. The origin of every value is kept, because "why is it 8501?" must have an answer on request.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from seaway.errors import InvalidArgument
from seaway.settings import settings_file
from seaway.settings.declaration import Setting
from seaway.settings.secret import Secret
from seaway.settings.server import ServerSettings, all_settings
from seaway.settings.values import from_text
from seaway.stores.url import without_user

SETTINGS_FILE_VARIABLE = "SEAWAY_SETTINGS"
"""The variable that names the settings file when the flag `--settings` does not."""

_PREFIX = "SEAWAY_"
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Effective:
    """The settings that hold, the origin of each by its path, and warnings about variables.

    `misspelled_variables` are nearly ours; `ignored_variables` are every program's and say what Seaway cannot do.
    """

    settings: ServerSettings
    origins: Mapping[str, str]
    misspelled_variables: tuple[str, ...]
    ignored_variables: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """All that the log should say of variables."""
        return self.misspelled_variables + self.ignored_variables


def load(flags: Mapping[str, str], environment: Mapping[str, str], file: Path | None = None) -> Effective:
    """Merge all sources; `flags` maps the path of a setting to the text given on the command line.

    An empty variable counts as not set, since that is how a compose file passes on what nobody defined.

    Raises:  InvalidArgument - a value is not allowed, or the file cannot be read or names what is no setting.
    """
    settings = all_settings()
    if file is None and environment.get(SETTINGS_FILE_VARIABLE):
        file = Path(environment[SETTINGS_FILE_VARIABLE])
    in_file = settings_file.read(file, settings) if file else {}
    ignored: list[str] = []
    standard = _standard(settings, environment, ignored)
    chosen = {setting.path: _choose(setting, flags, environment, {**in_file, **standard}) for setting in settings}
    return Effective(
        build({path: written.value for path, written in chosen.items()}),
        {path: written.origin for path, written in chosen.items()},
        _misspelled_variables(environment, settings),
        tuple(ignored),
    )


def build(values: Mapping[str, Any]) -> ServerSettings:
    """Make the settings value from values by path; a path that is missing keeps its default."""
    return replaced(ServerSettings(), values)


def replaced(settings: ServerSettings, values: Mapping[str, Any]) -> ServerSettings:
    """Return the settings with the values at those paths changed."""
    groups: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        group, _, name = path.partition(".")
        groups.setdefault(group, {})[name] = value
    changed = {group: replace(getattr(settings, group), **names) for group, names in groups.items()}
    return replace(settings, **changed)


def value_of(settings: ServerSettings, setting: Setting) -> Any:
    """Return the value that a settings value holds for one setting."""
    return getattr(getattr(settings, setting.group), setting.name)


def shown(effective: Effective) -> str:
    """Return the effective values as a settings file whose comments say where each came from; secrets stay hidden."""
    lines: list[str] = []
    group = ""
    for setting in all_settings():
        if setting.group != group:
            group = setting.group
            lines += ([""] if lines else []) + [f"[{group}]"]
        value = _toml(value_of(effective.settings, setting))
        lines.append(f"{setting.name} = {value}  # {effective.origins[setting.path]}")
    return "\n".join(lines) + "\n"


def _choose(
    setting: Setting,
    flags: Mapping[str, str],
    environment: Mapping[str, str],
    below: Mapping[str, settings_file.Written],
) -> settings_file.Written:
    variable = setting.declaration.env
    if setting.path in flags:
        origin = setting.declaration.flag
        return settings_file.Written(from_text(setting, flags[setting.path], origin), f"flag {origin}")
    if environment.get(variable):
        return settings_file.Written(from_text(setting, environment[variable], variable), f"variable {variable}")
    return below.get(setting.path) or settings_file.Written(setting.default, _DEFAULT)


def _standard(
    settings: Iterable[Setting], environment: Mapping[str, str], ignored: list[str]
) -> dict[str, settings_file.Written]:
    """Return what variables of every program say, by path; warnings about those that are left out go to `ignored`."""
    found: dict[str, settings_file.Written] = {}
    for setting in settings:
        variable = next((name for name in setting.declaration.standard if environment.get(name)), None)
        if variable is None:
            continue
        try:
            value = from_text(setting, environment[variable], variable)
        except InvalidArgument as err:
            ignored.append(f"{err.message}; {variable} is left out")
        else:
            found[setting.path] = settings_file.Written(value, f"variable {variable}")
    return found


def _misspelled_variables(environment: Mapping[str, str], settings: Iterable[Setting]) -> tuple[str, ...]:
    """Name what is nearly one of ours; other names with the prefix may belong to scripts and images around us."""
    known = {setting.declaration.env.removeprefix(_PREFIX) for setting in settings}
    others = sorted(name.removeprefix(_PREFIX) for name in environment if name.startswith(_PREFIX))
    unknown = [name for name in others if name not in known and _PREFIX + name != SETTINGS_FILE_VARIABLE]
    close = {name: difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8) for name in unknown}
    return tuple(
        f"{_PREFIX}{name} is no setting; did you mean {_PREFIX}{meant[0]}?" for name, meant in close.items() if meant
    )


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case Secret():
            return f'"{value}"' if value else '""'
        case str():
            return _quoted(without_user(value))
        case tuple():
            return "[" + ", ".join(_quoted(item) for item in value) + "]"
        case _:
            return str(value)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
