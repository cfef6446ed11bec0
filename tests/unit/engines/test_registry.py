"""Which engine takes what, and what is said of one that is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from seaway import extras
from seaway.engines import registry
from seaway.errors import FailedPrecondition
from seaway.settings.engine import EngineName


def test_the_setting_offers_every_engine() -> None:
    assert set(get_args(EngineName)) == {*registry.KINDS, "auto"}


@pytest.mark.parametrize("name", ["onnx", "openvino", "litert"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda _package: None)
    with pytest.raises(FailedPrecondition, match=f"; {re.escape(extras.command(name))}$"):
        registry.require(name)
    with pytest.raises(FailedPrecondition, match="needs the package"):
        registry.hosted(name)


def test_engines_without_a_package_need_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda _package: None)
    registry.require("python")
    registry.require("tensorflow")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("tensorflow", "saved_model.pb"),
        ("tensorflow", "saved_model.pbtxt"),
        ("onnx", "saved_model.pb"),
        ("onnx", "model.onnx"),
        ("openvino", "saved_model.pb"),
        ("openvino", "model.onnx"),
        ("litert", "model.tflite"),
        ("python", "model.py"),
    ],
)
def test_an_engine_takes_its_files(tmp_path: Path, name: str, file: str) -> None:
    (tmp_path / file).touch()
    registry.check_servable(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "words"),
    [
        ("tensorflow", "model.onnx", "--engine onnx or --engine openvino"),
        ("tensorflow", "model.py", "--engine python"),
        ("tensorflow", "model.tflite", "--engine litert"),
        ("litert", "model.onnx", "--engine onnx or --engine openvino"),
        ("python", "saved_model.pb", "--engine tensorflow or --engine onnx or --engine openvino"),
    ],
)
def test_a_file_of_another_engine_is_refused_with_the_flag(tmp_path: Path, name: str, file: str, words: str) -> None:
    (tmp_path / file).touch()
    with pytest.raises(FailedPrecondition) as refused:
        registry.check_servable(name, tmp_path)
    assert words in refused.value.message
    assert file in refused.value.message


def test_a_directory_with_nothing_known_is_left_to_the_engine(tmp_path: Path) -> None:
    registry.check_servable("tensorflow", tmp_path)
