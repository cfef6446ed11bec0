"""The file that `seaway init` writes, and the reference page."""

from __future__ import annotations

import re

from seaway.deploy.description.example import example
from seaway.deploy.description.keys import keys
from seaway.deploy.description.page import page
from seaway.deploy.description.read import parse

WRITTEN = example("digits", "./models", ("mnist", "half plus two"))


def test_the_file_is_one_as_it_is_written() -> None:
    description = parse(WRITTEN, "seaway.yaml", "", {})
    assert (description.project, description.store) == ("digits", "./models")
    assert list(description.models) == ["mnist", "half plus two"]
    assert description.server.replicas == 1


def test_every_key_can_be_had_by_taking_its_comment_away() -> None:
    lines = WRITTEN.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("#   mnist"))
    kept = [line for line in lines[:first] if "{}" not in line]
    text = "\n".join(kept + [line.removeprefix("# ") for line in lines[first:]])
    # A model's keys follow under `models:`; whole GPUs exclude a MIG profile; nobody has the secrets here.
    text = text.replace('mig: "1g.10gb"', 'mig: ""').replace("p99_ms: null", "p99_ms: 50")
    description = parse(text, "seaway.yaml", "", {})
    assert description.models["mnist"].labels == {"stable": 6}
    assert description.models["mnist"].objective.p99_ms == 50
    assert description.rollout.canary == [0.01, 0.1, 0.5]
    assert description.server.image == "seaway:0.1.0-tensorflow"
    assert "production" in description.environments


def test_every_key_is_on_the_page_and_in_the_file_with_its_sentence() -> None:
    text = page("<!-- generated -->")
    whole = [each.path for each in keys() if isinstance(each.example, dict)]
    for key in keys():
        assert f"| `{key.name}` |" in text, key.name
        assert key.doc, key.name
        is_inside = any(len(key.path) > len(path) and key.path[: len(path)] == path for path in whole)
        if "[]" not in key.path and "NAME" not in key.path and not is_inside:
            assert re.search(rf"^#? *{key.path[-1]}:", WRITTEN, re.MULTILINE), key.name
