"""`seaway predict`: inputs from the command line and from files, the path that is called, the outputs."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from seaway.cli.main import run
from seaway.cli.predict_output import csv_text, form_of, printed, written
from seaway.cli.predict_values import Columns, ImageOptions, image_form, named_values, read_input, table_values
from seaway.client.signature import Signature, TensorSpec
from seaway.errors import InvalidArgument
from tests.support.fake_rest import FakeRest

HALF = {
    "metadata": {
        "signature_def": {
            "signature_def": {
                "s": {
                    "inputs": {"x": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}}},
                    "outputs": {"y": {"dtype": "DT_FLOAT", "tensor_shape": {"dim": [{"size": "-1"}]}}},
                }
            }
        }
    }
}


def test_a_prediction_is_sent_in_columns_and_its_outputs_are_printed(
    rest: FakeRest, capsys: pytest.CaptureFixture[str]
) -> None:
    rest.answers(HALF | {"outputs": [2.5, 0.1]})
    arguments = ["predict", "half", "--input", "x=[1.0, 2.0]", "--signature", "s", "--server", rest.address]
    assert run(arguments) == 0
    assert rest.requests[-1] == (
        "POST",
        "/v1/models/half:predict",
        {"signature_name": "s", "inputs": {"x": [1.0, 2.0]}},
    )
    assert {request[:2] for request in rest.requests[:-1]} == {("GET", "/v1/models/half/metadata")}
    assert capsys.readouterr().out == "[2.5, 0.1]\n"


def test_a_server_that_tells_no_signature_is_asked_all_the_same(
    rest: FakeRest, capsys: pytest.CaptureFixture[str]
) -> None:
    rest.answers({"outputs": {"y": [2.5], "text": ["a", {"b64": "/w=="}]}})
    assert run(["predict", "half", "--input", "x=[1]", "--label", "s/t", "--server", rest.address]) == 0
    assert rest.requests[-1] == ("POST", "/v1/models/half/labels/s%2Ft:predict", {"inputs": {"x": [1]}})
    assert json.loads(capsys.readouterr().out) == {"y": [2.5], "text": ["a", {"b64": "/w=="}]}


def test_what_does_not_fit_the_signature_is_asked_wrongly_and_not_sent(
    rest: FakeRest, capsys: pytest.CaptureFixture[str]
) -> None:
    rest.answers(HALF)
    arguments = ["predict", "half", "--input", 'x=["two"]', "--signature", "s", "--server", rest.address]
    assert run(arguments) == 2
    assert "input 'x' takes float32" in capsys.readouterr().err
    assert not [request for request in rest.requests if request[0] == "POST"]


def test_what_the_server_refuses_failed_while_running(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers({"error": "wrong shape"}, 400)
    assert run(["predict", "half", "--input", "x=1", "--server", rest.address]) == 1
    assert "answered 400: wrong shape" in capsys.readouterr().err


def test_an_array_of_doubles_is_rounded_to_what_the_model_takes(rest: FakeRest, tmp_path: Path) -> None:
    rest.answers(HALF | {"outputs": [1.0]})
    np.save(tmp_path / "x.npy", np.array([0.1]))
    arguments = ["predict", "half", "--input", f"x=@{tmp_path / 'x.npy'}", "--signature", "s"]
    assert run([*arguments, "--server", rest.address]) == 0
    assert rest.requests[-1][2]["inputs"]["x"] == [float(np.float32(0.1))]


def test_a_single_number_of_a_file_is_sent(rest: FakeRest, tmp_path: Path) -> None:
    rest.answers({"outputs": 1.0})
    np.save(tmp_path / "x.npy", np.float32(0.5))
    assert run(["predict", "half", "--input", f"x=@{tmp_path / 'x.npy'}", "--server", rest.address]) == 0
    assert rest.requests[-1][2] == {"inputs": {"x": 0.5}}


def test_rows_go_in_batches_and_the_answer_to_a_file(rest: FakeRest, tmp_path: Path) -> None:
    rest.answers(HALF | {"outputs": [1.5, 2.5]})
    (tmp_path / "rows.csv").write_text("x,note\n1,a\n2,b\n3,c\n4,d\n")
    arguments = ["predict", "half", "--inputs", str(tmp_path / "rows.csv"), "--signature", "s", "--batch-rows", "2"]
    assert run([*arguments, "--server", rest.address, "-o", str(tmp_path / "y.csv")]) == 0
    posted = [request[2]["inputs"]["x"] for request in rest.requests if request[0] == "POST"]
    assert sorted(posted) == [[1, 2], [3, 4]]
    assert (tmp_path / "y.csv").read_text() == "y\n1.5\n2.5\n1.5\n2.5\n"


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
        named_values(["x=1", "x=2"], None)


def test_single_inputs_and_a_file_of_all_exclude_each_other() -> None:
    with pytest.raises(InvalidArgument, match="--input and --inputs are both given"):
        named_values(["x=1"], Path("x.csv"))


def test_bytes_in_json_become_bytes() -> None:
    assert named_values(['x=[{"b64": "/w=="}, "a"]'], None) == {"x": [b"\xff", "a"]}


def test_all_arrays_of_a_file_are_inputs(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", a=np.zeros(2), b=np.ones(1))
    values = named_values([], tmp_path / "all.npz")
    assert isinstance(values, dict)
    assert sorted(values) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("x.txt", "", "is none of .csv, .npz and .json", id="unknown-form"),
        pytest.param("x.json", "[1]", "not an object of inputs by their names", id="no-names"),
        pytest.param("x.csv", "a,a\n1,2\n", "must name the columns, each once", id="same-name-twice"),
        pytest.param("x.csv", "a,b\n1\n", "line 2 has 1 values, and there are 2 names", id="short-line"),
    ],
)
def test_a_file_that_holds_no_inputs_is_refused(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidArgument, match=words):
        named_values([], tmp_path / name)


def spec(name: str, *shape: int, dtype: int = 1) -> TensorSpec:
    return TensorSpec(name, dtype, shape)


TABLE = Columns(Path("t.csv"), {"a": [1, 2], "b": [0.5, 1.5]})


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        pytest.param([spec("a", -1), spec("b", -1)], {"a": [1, 2], "b": [0.5, 1.5]}, id="a-column-is-an-input"),
        pytest.param([spec("a", -1, 1)], {"a": [[1], [2]]}, id="rows-of-one-value"),
        pytest.param([spec("features", -1, 2)], {"features": [[1, 0.5], [2, 1.5]]}, id="columns-side-by-side"),
    ],
)
def test_columns_become_the_inputs_of_a_model(specs: list[TensorSpec], expected: dict[str, object]) -> None:
    values = table_values(TABLE, Signature("s", {each.name: each for each in specs}, {}), ImageOptions())
    assert {name: np.asarray(value).tolist() for name, value in values.items()} == expected


def test_columns_that_are_no_inputs_are_named() -> None:
    with pytest.raises(
        InvalidArgument, match=r"its columns a, b are not the inputs of the model \(x: float32 \(\?, 7\)\)"
    ):
        table_values(TABLE, Signature("s", {"x": spec("x", -1, 7)}, {}), ImageOptions())


@pytest.mark.parametrize(
    ("shape", "options", "expected"),
    [
        pytest.param((-1, 28, 20, 1), ImageOptions("model"), ((20, 28), 1), id="size-of-the-model"),
        pytest.param((-1, -1, -1, 3), ImageOptions("64x32"), ((64, 32), 3), id="own-size"),
        pytest.param((-1, 28, 28, 1), ImageOptions(), (None, 1), id="as-it-is"),
    ],
)
def test_an_image_gets_the_form_that_was_asked_for(
    shape: tuple[int, ...], options: ImageOptions, expected: object
) -> None:
    assert image_form("x", TensorSpec("x", 1, shape), options) == expected


@pytest.mark.parametrize(
    ("shape", "resize", "words"),
    [((-1, -1, -1, 3), "model", "has no size of its own"), ((-1, 8, 8, 3), "8", "is no size; write WxH")],
)
def test_a_size_that_is_none_is_refused(shape: tuple[int, ...], resize: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        image_form("x", TensorSpec("x", 1, shape), ImageOptions(resize))


def test_images_of_a_directory_are_a_batch(tmp_path: Path) -> None:
    for name, value in (("b.png", 255), ("a.png", 0)):
        Image.new("L", (4, 2), value).save(tmp_path / name)
    signature = Signature("s", {"image": spec("image", -1, 2, 2, 1)}, {})
    given = named_values([f"image=@{tmp_path}"], None)
    (images,) = table_values(given, signature, ImageOptions("model", 255.0)).values()
    assert isinstance(images, np.ndarray)
    assert images.shape == (2, 2, 2, 1)
    assert images[:, 0, 0, 0].tolist() == [0.0, 1.0]


def test_an_answer_is_written_in_each_form() -> None:
    outputs = {"y": np.array([[0.1, 0.2]], np.float32), "label": np.array([b"a"], dtype=object)}
    assert written(outputs, "json") == b'{\n  "y": [[0.1, 0.2]],\n  "label": ["a"]\n}\n'
    assert csv_text(outputs) == "y_0,y_1,label\n0.1,0.2,a\n"
    with np.load(io.BytesIO(written(outputs, "npz"))) as loaded:
        assert loaded["label"].tolist() == [b"a"]
    assert np.load(io.BytesIO(written({"y": outputs["y"]}, "npy"))).shape == (1, 2)


@pytest.mark.parametrize(
    ("outputs", "form", "words"),
    [
        pytest.param({"a": np.zeros(1), "b": np.zeros(1)}, "npy", "holds one output", id="several-in-npy"),
        pytest.param({"a": np.zeros(1), "b": np.zeros(2)}, "csv", "no rows in common", id="unequal-rows"),
        pytest.param({"a": np.zeros(())}, "csv", "no rows in common", id="no-rows"),
    ],
)
def test_an_answer_without_such_a_form_is_refused(outputs: Any, form: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        written(outputs, form)


def test_the_form_is_that_of_the_file_or_json() -> None:
    assert form_of(None, Path("y.CSV")) == "csv"
    assert form_of("npy", Path("y.csv")) == "npy"
    assert form_of(None, None) == "json"
    with pytest.raises(InvalidArgument, match="says no form by its name"):
        form_of(None, Path("y.dat"))


def test_named_outputs_are_printed_one_per_line_as_json() -> None:
    text = printed({"classes": [1, 2], "scores": [0.5]})
    assert text == '{\n  "classes": [1, 2],\n  "scores": [0.5]\n}'
    assert json.loads(text) == {"classes": [1, 2], "scores": [0.5]}
