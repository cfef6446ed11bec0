"""Holds a document against the JSON Schema and says of each violation what was found and what fits. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from seaway.deploy.description.json_schema import json_schema
from seaway.deploy.description.places import Document, Path, Problem, shown

_NAMES = {
    "object": "keys",
    "array": "a list",
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}
_BOUNDS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "minLength": "at least {} characters",
    "minProperties": "at least {} entries",
}


def violations(document: Document) -> Iterator[Problem]:
    """Yield every violation, each at the deepest place that it concerns."""
    for error in _validator().iter_errors(document.value):
        yield from _problems(document, error)


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json_schema())


def _problems(document: Document, error: ValidationError) -> Iterator[Problem]:
    path: Path = tuple(error.absolute_path)
    schema, instance, wanted = _parts(error)
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        for key in instance:
            if key not in known:
                yield _problem(document, (*path, key), _unknown(key, known))
    elif error.validator == "required":
        missing = [key for key in wanted if key not in instance]
        # One error names one key; the others have errors of their own.
        key = next(each for each in missing if repr(each) in error.message)
        about = _description(schema, key)
        at = document.position(path)
        yield Problem(at, shown((*path, key)), f"is missing: {about}")
    elif deeper := [each for each in error.context or () if _is_inside(each, path)]:
        # One of the alternatives fits but for something inside.
        for each in deeper:
            yield from _problems(document, each)
    else:
        yield _problem(document, path, _mismatch(error))


def _is_inside(error: ValidationError, path: Path) -> bool:
    return len(error.absolute_path) > len(path) or error.validator == "additionalProperties"


def _problem(document: Document, path: Path, message: str) -> Problem:
    return Problem(document.value_position(path), shown(path), message)


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(sorted(known))}"
    return f"is no key here; {hint}"


def _mismatch(error: ValidationError) -> str:
    """Say what was found and what fits."""
    if error.validator == "anyOf":
        _, _, branches = _parts(error)
        fits = " or ".join(dict.fromkeys(_fits(branch) for branch in branches))
        return f"found {_found(error.instance)}, fits: {fits}"
    return f"found {_found(error.instance)}, fits: {_fits_of(error)}"


def _fits_of(error: ValidationError) -> str:
    return _fits(_parts(error)[0])


def _parts(error: ValidationError) -> tuple[Mapping[str, Any], Any, Any]:
    """Return the schema that was violated, what was found, and the value of the keyword; an error always has them."""
    return cast(Mapping[str, Any], error.schema), error.instance, cast(Any, error.validator_value)


def _fits(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "$ref" in schema:
        return _NAMES["object"]
    kind = schema.get("type", "")
    parts = [_NAMES.get(str(kind), "another value")]
    parts += [form.format(schema[name]) for name, form in _BOUNDS.items() if name in schema]
    if "pattern" in schema:
        parts.append(_form(schema))
    return ", ".join(parts)


def _form(schema: Mapping[str, Any]) -> str:
    examples = schema.get("examples")
    about = schema.get("description", "")
    if about:
        return f"{about[0].lower()}{about[1:]}".rstrip(".")
    return f"such as {examples[0]}" if examples else f"of the form {schema['pattern']}"


def _found(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return f"keys ({', '.join(map(str, value))})" if value else "keys, none"
        case bool():
            return "true" if value else "false"
        case list():
            return f"a list of {len(value)}"
        case _:
            return repr(value)


def _description(schema: Mapping[str, Any], key: str) -> str:
    return str(schema.get("properties", {}).get(key, {}).get("description", "it is required"))
