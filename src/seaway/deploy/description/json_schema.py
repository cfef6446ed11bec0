"""The JSON Schema of `seaway.yaml`, made from the declarations: for editors, and for the checks of `read.py`.

Source: JSON Schema, draft 2020-12.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from seaway.deploy.description.schema import Description

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILE_NAME = "seaway.schema.json"


def json_schema() -> dict[str, Any]:
    """Return the schema."""
    (reference,), definitions = msgspec.json.schema_components([Description], ref_template="#/$defs/{name}")
    root: dict[str, Any] = definitions.pop(reference["$ref"].rpartition("/")[2])
    return {
        "$schema": DIALECT,
        "title": "seaway.yaml",
        "description": "One deployment of Seaway.",
        **{key: value for key, value in root.items() if key not in {"title", "description"}},
        "$defs": definitions,
    }


def schema_text() -> str:
    """Return the schema as the file for editors."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
