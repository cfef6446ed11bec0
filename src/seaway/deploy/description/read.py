"""Reads `seaway.yaml`: overlay, variables, every mistake with its place, then the description as a value.

text → places (data with positions) → overlay → variables → schema → what belongs together → Description
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from seaway.deploy.description.agreement import disagreements
from seaway.deploy.description.check import violations
from seaway.deploy.description.places import Document, Problem, read_document, shown
from seaway.deploy.description.places import Path as KeyPath
from seaway.deploy.description.schema import Description
from seaway.errors import InvalidArgument, NotFound

ENVIRONMENTS = "environments"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})")
_SECRETS = {("server", "tokens"), ("monitor", "password"), ("monitor", "notify")}


def read(file: Path, environment: str = "", environ: Mapping[str, str] | None = None, target: str = "") -> Description:
    """Return the description in a file, with the overlay of an environment laid over it, for a target.

    `environ` is what `${NAME}` stands for; an empty `target` leaves the one that the file names.

    Raises:  NotFound - there is no such file; InvalidArgument - all mistakes in it, a line each.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as err:
        raise NotFound(f"{file} does not exist; `seaway init` writes one, --file names another") from err
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"{file} cannot be read: {err}") from err
    return parse(text, str(file), environment, environ or {}, target)


def parse(text: str, origin: str, environment: str, environ: Mapping[str, str], target: str = "") -> Description:
    """Return the description in a text; `origin` names it in errors. Pure; raises InvalidArgument as `read` does."""
    document = read_document(text)
    _stop_at(document.problems, origin)
    if not isinstance(document.value, dict):
        _stop_at([Problem(document.position(()), "", "the file has to hold keys, such as `project: digits`")], origin)
    overlay(document, environment)
    _stop_at(document.problems, origin)
    if target:
        document.value["target"] = target
    document.value = substituted(document, document.value, (), environ)
    problems = [*document.problems, *violations(document)]
    if not problems:
        description = msgspec.convert(document.value, Description)
        problems = [
            Problem(document.value_position(path), shown(path), text) for path, text in disagreements(description)
        ]
        if not problems:
            return description
    _stop_at(problems, origin)
    raise AssertionError("problems stop")


def overlay(document: Document, environment: str) -> None:
    """Lay an environment over the rest, in place: mappings are merged, other values replaced, null removes a key."""
    environments = document.value.get(ENVIRONMENTS)
    if not environment:
        return
    known = environments if isinstance(environments, dict) else {}
    if environment not in known:
        names = ", ".join(sorted(known)) or "none"
        at = document.position((ENVIRONMENTS,))
        document.problems.append(
            Problem(at, ENVIRONMENTS, f"there is no environment {environment!r}; there are: {names}")
        )
        return
    laid = known[environment]
    if isinstance(laid, dict):
        _merge(document, document.value, laid, (), (ENVIRONMENTS, environment))


def substituted(document: Document, value: Any, path: KeyPath, environ: Mapping[str, str]) -> Any:
    """Return a value with `${NAME}` and `${NAME:-default}` replaced in texts; `$$` stands for one dollar sign."""
    match value:
        case dict():
            return {key: substituted(document, each, (*path, key), environ) for key, each in value.items()}
        case list():
            return [substituted(document, each, (*path, index), environ) for index, each in enumerate(value)]
        case str() if path[:2] not in _SECRETS and path[:1] != (ENVIRONMENTS,):
            return _replaced(document, value, path, environ)
        case _:
            return value


def _replaced(document: Document, text: str, path: KeyPath, environ: Mapping[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "$"
        found = environ.get(name) or match["default"]
        if found is None:
            message = f"the variable {name} is not set; set it, or write ${{{name}:-a default}}"
            document.problems.append(Problem(document.value_position(path), shown(path), message))
            return ""
        return found

    return _VARIABLE.sub(value, text)


def _merge(document: Document, below: dict[str, Any], above: dict[str, Any], at: KeyPath, source: KeyPath) -> None:
    for key, value in above.items():
        place, origin = (*at, key), (*source, key)
        if value is None:
            below.pop(key, None)
        elif isinstance(value, dict) and isinstance(below.get(key), dict):
            _merge(document, below[key], value, place, origin)
        else:
            below[key] = value
            _move(document, origin, place)


def _move(document: Document, source: KeyPath, target: KeyPath) -> None:
    """Have the places of an overlay count for what it was laid over."""
    for places in (document.keys, document.values):
        for path in [each for each in places if each[: len(target)] == target]:
            del places[path]
        for path, position in list(_below(places, source)):
            places[(*target, *path)] = position


def _below(places: Mapping[KeyPath, Any], source: KeyPath) -> Iterator[tuple[KeyPath, Any]]:
    for path, position in places.items():
        if path[: len(source)] == source:
            yield path[len(source) :], position


def _stop_at(problems: list[Problem], origin: str) -> None:
    if problems:
        raise InvalidArgument(
            "\n".join(f"{origin}:{each}" for each in sorted(problems, key=lambda each: each.position))
        )
