"""The settings file: TOML with one table per group.

TOML and not YAML: its types cannot surprise (a version `1.10` stays a text, `no` is not false), Python reads it without
another dependency, and a table per group is exactly the shape of the settings. The parser gives no line numbers for
values, so the lines are found again here, because an error must point at the place to edit.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seaway.errors import InvalidArgument
from seaway.settings.declaration import Setting
from seaway.settings.values import from_typed

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TABLE = re.compile(r"\s*\[\s*([\w.\-\"]+)\s*\]")
_KEY = re.compile(r"\s*([\w.\-\"]+)\s*=")


@dataclass(frozen=True, slots=True)
class Written:
    """One value from a file and the place where it stands."""

    value: Any
    origin: str


def read(path: Path, settings: tuple[Setting, ...]) -> Mapping[str, Written]:
    """Return the values of a settings file by the path of their setting.

    Raises:  InvalidArgument - the file cannot be read, is not TOML, names what is no setting, or holds a value that is
             not allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(
            f"the settings file {str(path)!r} cannot be read: {err}; check path and permissions"
        ) from err
    return parse(text, str(path), settings)


def parse(text: str, name: str, settings: tuple[Setting, ...]) -> Mapping[str, Written]:
    """Return the values of the text of a settings file called `name`, by the path of their setting.

    Raises:  InvalidArgument - as `read`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        raise InvalidArgument(f"{name}: not TOML: {err}; for the form see docs/configuration.md") from err
    known = {setting.path: setting for setting in settings}
    lines = _lines(text)
    values: dict[str, Written] = {}
    for path, value in _leaves(document, known, name, lines):
        origin = _origin(name, lines, path)
        if path not in known:
            raise InvalidArgument(f"{origin}: there is no setting {path!r}{_meant(path, known)}")
        values[path] = Written(from_typed(known[path], value, origin), origin)
    return values


def _leaves(
    document: Mapping[str, Any], known: Mapping[str, Setting], name: str, lines: Mapping[str, int]
) -> Iterator[tuple[str, Any]]:
    groups = {path.partition(".")[0] for path in known}
    for group, table in document.items():
        if not isinstance(table, dict):
            origin = _origin(name, lines, group)
            raise InvalidArgument(f"{origin}: {group!r} stands outside a table; put it below one of {_tables(groups)}")
        for key, value in table.items():
            yield f"{group}.{key}", value


def _tables(groups: set[str]) -> str:
    return ", ".join(f"[{group}]" for group in sorted(groups))


def _meant(path: str, known: Mapping[str, Setting]) -> str:
    key = path.rpartition(".")[2]
    same_key = [candidate for candidate in known if candidate.rpartition(".")[2] == key]
    close = same_key or difflib.get_close_matches(path, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else "; all are listed in docs/configuration.md"


def _origin(name: str, lines: Mapping[str, int], path: str) -> str:
    line = lines.get(path)
    return f"{name}:{line}" if line else name


def _lines(text: str) -> dict[str, int]:
    """Return the line on which each dotted key is set first."""
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(line):
            table = header[1].replace('"', "") + "."
        elif key := _KEY.match(line):
            lines.setdefault(table + key[1].replace('"', ""), number)
    return lines
