"""Which engine a version gets, by its files and the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.engines.choice import AUTO, Preferences, candidates, choose, has_gpu, is_stand_in, model_files, natural

ALL = frozenset({"tensorflow", "onnx", "openvino", "litert", "python"})
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
        pytest.param(AUTO, False, {SAVED_MODEL, TFLITE}, "tensorflow", id="what-the-files-are-for"),
        pytest.param(AUTO, True, {SAVED_MODEL, TFLITE}, "litert", id="preferred-to-what-the-files-are-for"),
    ],
)
def test_a_version_gets_the_engine_of_its_files(
    engine: str, prefers_tflite: bool, files: set[str], chosen: str
) -> None:
    assert choose(Preferences(engine, prefers_tflite), files, ALL) == (chosen,)


@pytest.mark.parametrize(
    ("preferences", "engines"),
    [
        pytest.param(Preferences("tensorflow"), ("tensorflow",), id="one"),
        pytest.param(Preferences("tensorflow", True), ("tensorflow", "litert"), id="two"),
        pytest.param(Preferences("litert", True), ("litert",), id="the-same-one"),
        pytest.param(Preferences(AUTO), (), id="none"),
    ],
)
def test_the_engines_that_may_be_needed_are_known_before_any_version(
    preferences: Preferences, engines: tuple[str, ...]
) -> None:
    assert preferences.engines == engines


@pytest.mark.parametrize(
    ("environment", "has_driver", "expected"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"CUDA_VISIBLE_DEVICES": "0"}, True, True),
        ({"CUDA_VISIBLE_DEVICES": ""}, True, False),
        ({"CUDA_VISIBLE_DEVICES": "-1"}, True, False),
    ],
)
def test_a_gpu_is_there_when_its_driver_is_and_nobody_hides_it(
    environment: dict[str, str], has_driver: bool, expected: bool, tmp_path: Path
) -> None:
    if has_driver:
        (tmp_path / "nvidiactl").touch()
    assert has_gpu(environment, tmp_path) is expected


def test_only_files_that_an_engine_takes_are_seen(tmp_path: Path) -> None:
    for name in (TFLITE, SAVED_MODEL, "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "model.onnx").mkdir()
    assert model_files(tmp_path) == {TFLITE, SAVED_MODEL}


@pytest.mark.parametrize(
    ("files", "usable", "expected"),
    [
        ({"saved_model.pb", "variables"}, ALL, ("tensorflow",)),
        ({"saved_model.pb"}, ALL - {"tensorflow"}, ("openvino", "onnx")),
        ({"saved_model.pb"}, {"onnx", "python"}, ("onnx",)),
        ({"saved_model.pb"}, {"python"}, ("tensorflow",)),
        ({"saved_model.pb", "model.onnx"}, ALL, ("tensorflow",)),
        ({"model.onnx"}, ALL, ("onnx",)),
        ({"model.onnx"}, ALL - {"onnx"}, ("openvino",)),
        ({"model.py"}, ALL, ("python",)),
        ({"model.tflite"}, ALL, ("litert",)),
        (set(), ALL, ("tensorflow",)),
    ],
)
def test_a_version_is_loaded_by_the_engine_its_files_are_for(
    files: set[str], usable: set[str], expected: tuple[str, ...]
) -> None:
    assert natural(frozenset(files), frozenset(usable)) == expected


@pytest.mark.parametrize(
    ("files", "base", "usable", "converts", "expected"),
    [
        ({"saved_model.pb"}, "tensorflow", ALL, True, ("onnx", "openvino")),
        ({"saved_model.pb"}, "tensorflow", ALL, False, ("openvino",)),
        ({"saved_model.pb"}, "tensorflow", {"tensorflow"}, True, ()),
        ({"model.onnx"}, "onnx", ALL, False, ("openvino",)),
        ({"model.py"}, "python", ALL, True, ()),
        ({"saved_model.pb", "model.tflite"}, "tensorflow", ALL, True, ("litert", "onnx", "openvino")),
    ],
)
def test_the_others_that_could_take_the_files_are_tried(
    files: set[str], base: str, usable: set[str], converts: bool, expected: tuple[str, ...]
) -> None:
    assert candidates(frozenset(files), base, frozenset(usable), converts) == expected


@pytest.mark.parametrize(
    ("engine", "files", "expected"),
    [
        ("tensorflow", {SAVED_MODEL}, False),
        ("openvino", {SAVED_MODEL}, True),
        ("onnx", {"model.onnx"}, False),
        ("litert", {SAVED_MODEL, TFLITE}, False),
    ],
)
def test_what_serves_a_saved_model_in_tensorflows_place_stands_in(engine: str, files: set[str], expected: bool) -> None:
    assert is_stand_in(engine, files) is expected
