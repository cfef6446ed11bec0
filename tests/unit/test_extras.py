"""The command that a message gives installs what the extra would, wherever Seaway itself came from."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from seaway import extras

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.mark.parametrize("extra", sorted(PROJECT["optional-dependencies"]))
def test_it_names_every_package_of_the_extra_and_no_other(extra: str) -> None:
    named = extras.command(extra).replace("'", "").split()
    assert named[:2] == ["pip", "install"]
    assert {_normal(each) for each in named[2:]} == {_normal(each) for each in PROJECT["optional-dependencies"][extra]}


def test_several_extras_name_a_package_once() -> None:
    assert extras.command("onnx", "export").count("onnxruntime") == 1


def test_what_a_shell_would_take_for_a_file_is_quoted() -> None:
    assert extras.command("images") == "pip install 'pillow>=11'"


def test_without_metadata_it_says_where_the_extra_is_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_name: str) -> list[str]:
        raise metadata.PackageNotFoundError

    monkeypatch.setattr(metadata, "requires", none)
    assert extras.command("onnx") == "pip install '.[onnx]' in Seaway's source tree"


def _normal(requirement: str) -> str:
    return requirement.replace("_", "-").lower()
