"""`seaway predict`: inputs from the command line and from files, the path that is called, the outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from seaway.cli.main import run
from seaway.cli.predict import predict_path, printed, read_input, request_body
from seaway.errors import InvalidArgument
from tests.unit.cli.conftest import FakeRest


def test_a_prediction_is_sent_in_columns_and_its_outputs_are_printed(
    rest: FakeRest, capsys: pytest.CaptureFixture[str]
) -> None:
    rest.answers({"outputs": [2.5, 3.0]})
    arguments = ["predict", "half", "--input", "x=[1.0, 2.0]", "--signature", "s", "--server", rest.address]
    assert run(arguments) == 0
    assert rest.requests == [("POST", "/v1/models/half:predict", {"signature_name": "s", "inputs": {"x": [1.0, 2.0]}})]
    assert json.loads(capsys.readouterr().out) == [2.5, 3.0]


def test_the_message_of_the_server_is_shown(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers({"error": "Servable not found for request: Latest(half)"}, 404)
    assert run(["predict", "half", "--input", "x=1", "--server", rest.address]) == 1
    assert "answered 404: Servable not found for request: Latest(half)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        pytest.param(np.array([[1, 2], [3, 4]], np.int32), [[1, 2], [3, 4]], id="integers"),
        pytest.param(np.array([0.5], np.float32), [0.5], id="floats"),
        pytest.param(np.array([True, False]), [True, False], id="booleans"),
        pytest.param(np.array(["a", "é"]), ["a", "é"], id="texts"),
        pytest.param(np.array([[b"\xff"], [b"a"]]), [[{"b64": "/w=="}], [{"b64": "YQ=="}]], id="bytes"),
        pytest.param(np.float64(1.5), 1.5, id="scalar"),
    ],
)
def test_a_saved_array_becomes_json(tmp_path: Path, array: np.ndarray, expected: object) -> None:
    np.save(tmp_path / "x.npy", array)
    assert read_input(f"x=@{tmp_path / 'x.npy'}") == ("x", expected)


def test_a_json_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"b64": "YQ=="}]')
    assert read_input(f"x=@{tmp_path / 'x.json'}") == ("x", [{"b64": "YQ=="}])


def test_a_value_may_hold_equals_signs() -> None:
    assert read_input('x="a=b"') == ("x", "a=b")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param("x", "has no name; write NAME=VALUE", id="no-equals-sign"),
        pytest.param("=1", "has no name; write NAME=VALUE", id="no-name"),
        pytest.param("x=hello", "--input x: not JSON", id="text-without-quotes"),
        pytest.param("x=@/nonexistent.json", "cannot be read", id="no-such-file"),
        pytest.param("x=@/nonexistent.npy", "cannot be read", id="no-such-array"),
    ],
)
def test_an_input_that_cannot_be_read_is_refused(given: str, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        read_input(given)


@pytest.mark.parametrize("content", [b"not an array", b""])
def test_a_file_that_is_no_array_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InvalidArgument, match="not a NumPy array"):
        read_input(f"x=@{tmp_path / 'x.npy'}")


def test_an_array_that_json_cannot_hold_is_refused_with_its_type(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([1j]))
    with pytest.raises(InvalidArgument, match="an array of complex128 has no JSON form"):
        read_input(f"x=@{tmp_path / 'x.npy'}")


def test_an_input_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="--input x is given more than once"):
        request_body([("x", 1), ("x", 2)], "")


@pytest.mark.parametrize(
    ("version", "label", "path"),
    [
        pytest.param(None, "", "/v1/models/a%20b:predict", id="latest"),
        pytest.param(3, "", "/v1/models/a%20b/versions/3:predict", id="version"),
        pytest.param(None, "s/t", "/v1/models/a%20b/labels/s%2Ft:predict", id="label"),
    ],
)
def test_the_path_names_model_and_version_or_label(version: int | None, label: str, path: str) -> None:
    assert predict_path("a b", version, label) == path


def test_a_version_and_a_label_exclude_each_other() -> None:
    with pytest.raises(InvalidArgument, match="--version 1 and --label 'x' are both given"):
        predict_path("m", 1, "x")


def test_named_outputs_are_printed_one_per_line_as_json() -> None:
    text = printed({"classes": [1, 2], "scores": [0.5]})
    assert text == '{\n  "classes": [1, 2],\n  "scores": [0.5]\n}'
    assert json.loads(text) == {"classes": [1, 2], "scores": [0.5]}
