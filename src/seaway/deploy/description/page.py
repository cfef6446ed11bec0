"""The reference page of `seaway.yaml`, made from the declarations. Pure."""

from __future__ import annotations

import json
from typing import Any

from seaway.deploy.description.example import example
from seaway.deploy.description.keys import Key, keys

_HEAD = """# seaway.yaml

{generated}

One file describes a deployment; [deploy.md](deploy.md) tells what is done with it. Three keys are required:

```yaml
project: digits
store: ./models
models:
  mnist: {{}}
```

`seaway init` writes a file with all keys and their defaults as comments (at the end of this page). Editors that know
JSON Schema check and complete it with [seaway.schema.json](seaway.schema.json), named in the first line:
`# yaml-language-server: $schema=…/seaway.schema.json`.

- **Paths** are relative to the file.
- **Variables**: `${{NAME}}` in a text stands for that variable of the deployer's environment, `${{NAME:-x}}` for x
  where it is not set, `$$` for a dollar sign. Secrets are named, never substituted.
- **Environments**: `--environment NAME` lays `environments.NAME` over the rest: keys are merged, other values replaced,
  `null` takes a key away.
- **YAML**: `yes`, `no`, `on`, `off`, `1_000` and `1:30` are texts. A key that stands twice is a mistake.

| key | kind | default | allowed | meaning |
|---|---|---|---|---|
"""


def page(generated: str) -> str:
    """Return the page; `generated` is the remark that it is made from code."""
    rows = "\n".join(_row(key) for key in keys())
    written = example("digits", "./models", ("mnist",))
    return f"{_HEAD.format(generated=generated)}{rows}\n\n## The whole file\n\n```yaml\n{written}```\n"


def _row(key: Key) -> str:
    doc = key.doc + (f" For instance `{_code(key.example)}`." if key.example is not None else "")
    default = "required" if key.is_required else "" if key.has_keys else _default(key.default)
    return f"| `{key.name}` | {key.kind} | {default} | {_escaped(key.bounds)} | {_escaped(doc)} |"


def _default(value: Any) -> str:
    return "" if value in (None, "", [], {}) and value is not False and value != 0 else f"`{_code(value)}`"


def _code(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
