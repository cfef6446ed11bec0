"""The packages of the image are those that Seaway declares, in the versions that it is tested with."""

from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
LISTS = ("common", "monitor", "openvino", "s3", "tensorflow")


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def image_pins(name: str) -> dict[str, str]:
    return pins(resources.files("seaway.deploy.image").joinpath(f"requirements-{name}.txt").read_text())


@pytest.mark.parametrize("name", LISTS)
def test_versions_are_those_that_the_tests_run_with(name: str) -> None:
    tested = pins((ROOT / "requirements-dev.txt").read_text())
    assert image_pins(name).items() <= tested.items()


def test_every_declared_dependency_is_in_the_image() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = {re.split(r"[<>=;\[ ]", each)[0].lower() for each in declared if "python_version < '3.11'" not in each}
    assert names <= image_pins("common").keys()


def test_every_package_of_the_monitor_is_in_the_image() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["monitor"]
    names = {re.split(r"[<>=;\[ ]", each)[0].lower() for each in declared}
    assert names <= image_pins("monitor").keys() | image_pins("common").keys()


def test_lists_that_name_the_same_package_agree() -> None:
    found: dict[str, str] = {}
    for name in LISTS:
        pinned = image_pins(name)
        assert {each: found[each] for each in pinned.keys() & found.keys()} == {
            each: pinned[each] for each in pinned.keys() & found.keys()
        }
        found |= pinned
