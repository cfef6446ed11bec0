"""What is told of a version from its files, and which engines can take it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seaway.engines.signatures import Signature
from seaway.errors import NotFound
from seaway.export.inspection.graph import Graph
from seaway.export.inspection.shown import as_json, lines, shown_bytes
from seaway.export.inspection.version import inspect, takers
from tests.support.recorded_examples import doubled, version
from tests.support.saved_models import ALL, saved_model


def test_operations_are_those_that_the_signature_reaches_and_weights_those_of_variables(tmp_path: Path) -> None:
    found = inspect(saved_model(tmp_path / "m" / "3").parent, ALL)
    assert found.path == tmp_path / "m" / "3"
    assert found.graph.operations == {"Relu": 2, "MatMul": 1}
    assert found.graph.weights == 15
    assert found.graph.facts == {"TensorFlow": "2.21.0", "tags": "serve"}


def test_the_text_says_what_clients_send_and_what_was_proven(tmp_path: Path) -> None:
    version(saved_model(tmp_path / "m" / "1"), doubled(1.0, 2.0), promised=2)
    text = "\n".join(lines(inspect(tmp_path / "m", ALL)))
    assert "in   x                    float32 [?]" in text
    assert "2 requests with their answers, given" in text
    assert "python      no: it takes model.py" in text


def test_json_has_everything_and_is_json(tmp_path: Path) -> None:
    version(saved_model(tmp_path / "m" / "1"), doubled(1.0), promised=1)
    found = json.loads(json.dumps(as_json(inspect(tmp_path / "m", ALL))))
    assert found["signatures"]["serving_default"]["inputs"]["x"] == {"dtype": "float32", "shape": [None]}
    assert found["recorded"] == {"requests": 1, "answers": 1}
    assert found["exported"]["model"] == "test.Model"
    assert found["problems"] == []


def test_a_damaged_proof_is_a_problem_and_the_rest_is_shown(tmp_path: Path) -> None:
    path = version(saved_model(tmp_path / "m" / "1"), [b"\xff\xff\xff"])
    (path / "assets.extra" / "seaway.json").write_bytes(b"{")
    found = inspect(path, ALL)
    assert len(found.problems) == 2
    assert found.graph.weights == 15


@pytest.mark.parametrize(
    ("files", "installed", "engine", "why"),
    [
        pytest.param({"saved_model.pb"}, ALL, "tensorflow", "", id="tensorflow"),
        pytest.param({"saved_model.pb"}, ALL - {"tensorflow"}, "tensorflow", "not installed", id="not-installed"),
        pytest.param({"saved_model.pb"}, ALL, "litert", "it takes model.tflite", id="other-files"),
        pytest.param({"saved_model.pb"}, ALL, "openvino", "signature serving_default only", id="no-default"),
        pytest.param({"model.onnx"}, ALL, "openvino", "", id="a-graph"),
    ],
)
def test_an_engine_takes_its_files_where_it_is_installed(
    files: set[str], installed: frozenset[str], engine: str, why: str
) -> None:
    graph = Graph({"other": Signature({}, {})})
    found = {each.engine: each for each in takers(frozenset(files), graph, installed)}[engine]
    assert (found.takes, why in found.why) == (not why, True)


def test_what_is_no_model_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is no model"):
        inspect(tmp_path, ALL)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(NotFound, match=r"neither a directory nor an \.onnx"):
        inspect(tmp_path / "notes.txt", ALL)


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 << 30, "5.0 GiB")])
def test_sizes_are_told_in_units(size: int, text: str) -> None:
    assert shown_bytes(size) == text
