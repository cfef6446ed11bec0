"""The declared keys of `seaway.yaml` as a list: what the reference page and the example are made from. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from msgspec import NODEFAULT, structs

from seaway.deploy.description import schema as declarations
from seaway.deploy.description.json_schema import json_schema

_NAMES = {"object": "keys", "string": "text", "array": "list", "boolean": "true or false"}
_ENTRY = "NAME"


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `path` is written with dots; a key whose name is free stands as NAME."""

    path: tuple[str, ...]
    kind: str
    doc: str
    default: Any
    bounds: str
    example: Any
    is_required: bool
    has_keys: bool

    @property
    def name(self) -> str:
        """Return the path as a person writes it."""
        return ".".join(self.path)


def keys() -> Iterator[Key]:
    """Yield every key in the order of declaration, one that holds others before them."""
    schema = json_schema()
    yield from _keys(schema | {"title": "Description"}, schema["$defs"], ())


def _keys(owner: dict[str, Any], definitions: dict[str, Any], above: tuple[str, ...]) -> Iterator[Key]:
    required = owner.get("required", ())
    for name, declared in owner.get("properties", {}).items():
        path = (*above, name)
        inner = _inner(declared, definitions)
        entry = _inner(declared.get("additionalProperties"), definitions)
        item = _inner(declared.get("items"), definitions)
        default = declared.get("default", _made_default(owner["title"], name))
        yield _key(path, declared | {"default": default}, name in required, inner is not None)
        if inner is not None:
            yield from _keys(inner, definitions, path)
        elif entry is not None:
            yield from _keys(entry, definitions, (*path, _ENTRY))
        elif item is not None:
            yield from _keys(item, definitions, (*path, "[]"))


def _inner(declared: Any, definitions: dict[str, Any]) -> dict[str, Any] | None:
    """Return the declaration of the keys that a value holds, None for a value without keys of its own."""
    if not isinstance(declared, dict):
        return None
    references = [declared, *declared.get("anyOf", ())]
    names = [each["$ref"].rpartition("/")[2] for each in references if "$ref" in each]
    found: dict[str, Any] | None = definitions[names[0]] if names else None
    return found


def _made_default(owner: str, name: str) -> Any:
    """Return a default that a schema cannot say, because it is made anew for each value; None where there is none."""
    for field in structs.fields(getattr(declarations, owner)):
        if field.encode_name == name and field.default_factory is not NODEFAULT:
            made = field.default_factory()
            return made if isinstance(made, list | dict) else None
    return None


def _key(path: tuple[str, ...], declared: dict[str, Any], is_required: bool, has_keys: bool) -> Key:
    examples = declared.get("examples") or _first_examples(declared)
    return Key(
        path=path,
        kind="keys" if has_keys else _kind(declared),
        doc=declared.get("description", ""),
        default=declared.get("default"),
        bounds=_bounds(declared),
        example=examples[0] if examples else None,
        is_required=is_required,
        has_keys=has_keys,
    )


def _first_examples(declared: dict[str, Any]) -> list[Any]:
    return next((each["examples"] for each in declared.get("anyOf", ()) if each.get("examples")), [])


def _kind(declared: dict[str, Any]) -> str:
    if "enum" in declared:
        return "choice"
    kinds = [each.get("type", "") for each in declared.get("anyOf", [declared])]
    return " or ".join(_NAMES.get(kind, kind) for kind in kinds if kind != "null")


def _bounds(declared: dict[str, Any]) -> str:
    if "enum" in declared:
        return ", ".join(map(str, declared["enum"]))
    parts = [each for each in declared.get("anyOf", [declared]) if each.get("type") != "null"]
    texts = []
    for part in parts:
        low, high = part.get("minimum"), part.get("maximum")
        if low is not None and high is not None:
            texts.append(f"{low:g} to {high:g}")
        elif low is not None:
            texts.append(f"at least {low:g}")
        elif "exclusiveMinimum" in part:
            texts.append(f"more than {part['exclusiveMinimum']:g}")
    return " or ".join(texts)
