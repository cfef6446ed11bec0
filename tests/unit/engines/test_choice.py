"""Which engine a version gets, by its files and the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.engines.choice import Preferences, choose, model_files

SAVED_MODEL, TFLITE = "saved_model.pb", "model.tflite"


@pytest.mark.parametrize(
    ("engine", "prefers_tflite", "files", "chosen"),
    [
        pytest.param("tensorflow", False, {SAVED_MODEL}, "tensorflow", id="as-told"),
        pytest.param("tensorflow", False, {SAVED_MODEL, TFLITE}, "tensorflow", id="not-preferred"),
        pytest.param("tensorflow", True, {SAVED_MODEL, TFLITE}, "litert", id="preferred-to-the-saved-model"),
        pytest.param("tensorflow", True, {TFLITE}, "litert", id="preferred-and-alone"),
        pytest.param("tensorflow", True, {SAVED_MODEL}, "tensorflow", id="preferred-and-not-there"),
        pytest.param("onnx", True, {SAVED_MODEL}, "onnx", id="the-engine-that-was-chosen-takes-the-rest"),
        pytest.param("python", True, {"model.py", TFLITE}, "litert", id="preferred-to-a-class"),
        pytest.param("litert", False, {TFLITE}, "litert", id="chosen"),
        pytest.param("tensorflow", True, set(), "tensorflow", id="nothing-there"),
    ],
)
def test_a_version_gets_the_engine_of_its_files(
    engine: str, prefers_tflite: bool, files: set[str], chosen: str
) -> None:
    assert choose(Preferences(engine, prefers_tflite), files) == chosen


@pytest.mark.parametrize(
    ("preferences", "engines"),
    [
        pytest.param(Preferences("tensorflow"), ("tensorflow",), id="one"),
        pytest.param(Preferences("tensorflow", True), ("tensorflow", "litert"), id="two"),
        pytest.param(Preferences("litert", True), ("litert",), id="the-same-one"),
    ],
)
def test_the_engines_that_may_be_needed_are_known_before_any_version(
    preferences: Preferences, engines: tuple[str, ...]
) -> None:
    assert preferences.engines == engines


def test_only_files_that_an_engine_takes_are_seen(tmp_path: Path) -> None:
    for name in (TFLITE, SAVED_MODEL, "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "model.onnx").mkdir()
    assert model_files(tmp_path) == {TFLITE, SAVED_MODEL}
