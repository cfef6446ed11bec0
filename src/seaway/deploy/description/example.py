"""The commented `seaway.yaml` that `seaway init` writes, made from the declarations. Pure.

Required keys stand with real values, all others as comments with their sentence and their default: taking a `#` away is
all that is needed to set one.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from seaway.deploy.description.keys import Key, keys

_WIDTH = 118
_PLAIN = re.compile(r"[A-Za-z./][A-Za-z0-9_./-]*(:[A-Za-z0-9_./-]+)?")
_HEAD = """\
# A deployment of Seaway: `seaway plan` shows what would be done, `seaway deploy` does it.
# What is commented out is the default; docs/seaway-yaml.md explains every key.
"""


def example(project: str, store: str, models: Sequence[str]) -> str:
    """Return the file for a project, a store, and the names of models in it."""
    lines = [_HEAD]
    values = {"project": project, "store": store}
    whole: tuple[str, ...] = ("",)
    for key in keys():
        if key.path[: len(whole)] == whole:
            continue  # shown in the example of what holds it
        if key.example is not None and isinstance(key.example, dict):
            whole = key.path
        if key.path == ("models",):
            lines += ["", *_comment(key.doc, ""), "models:"]
            lines += [f"  {_yaml(name)}: {{}}" for name in models or ("NAME",)]
        elif key.name in values:
            lines += ["", *_comment(key.doc, ""), f"{key.name}: {_yaml(values[key.name])}"]
        else:
            lines += _optional(key, models[0] if models else "NAME")
    return "\n".join(lines) + "\n"


def _optional(key: Key, model: str) -> Iterator[str]:
    if "[]" in key.path:
        return  # shown in the example of its list
    path = tuple(model if part == "NAME" else part for part in key.path)
    indent = "  " * (len(path) - 1)
    if len(path) == 1:
        yield ""
    elif key.path[0] == "models" and key.path[2:] == ("path",):
        yield f"#   {_yaml(model)}:   # the keys of one model"
    yield from (f"# {indent}{line}" for line in _comment(key.doc, indent))
    value = "" if key.has_keys and key.example is None else f" {_yaml(_shown(key))}"
    yield f"# {indent}{path[-1]}:{value}"


def _shown(key: Key) -> Any:
    """Return the value to show: the default, or an example where the default says nothing."""
    is_empty = key.default in (None, "", [], {}) and key.default is not False and key.default != 0
    return key.example if is_empty and key.example is not None else key.default


def _comment(text: str, indent: str) -> list[str]:
    lines = textwrap.wrap(text, _WIDTH - len(indent) - 4)
    return [f"# {line}" for line in lines]


def _yaml(value: Any) -> str:
    """Return a value as flow YAML; JSON is that, and plain words need no quotes."""
    if value is None:
        return "null"
    if (
        isinstance(value, str)
        and value
        and all(each.isalnum() or each in "-_./:" for each in value)
        and not value[0].isdigit()
        and not value.endswith(":")
    ):
        return value
    return json.dumps(value, ensure_ascii=False)
