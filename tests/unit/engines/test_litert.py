"""What the LiteRT engine makes of files: names, free rows, state, element types, damage."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seaway.engines.engine import EngineOptions
from seaway.engines.litert_rows import is_of_one_row
from seaway.engines.signatures import DEFAULT, Signature, TensorSpec, read
from seaway.errors import DataLoss, FailedPrecondition, Internal, InvalidArgument, SeawayError, Unimplemented
from seaway.protos import message
from tests.models.cache import Models
from tests.support.engine_kits import KITS

pytestmark = pytest.mark.e2e  # the models have to be built

FLOAT, INT8 = 1, 6
Load = Callable[..., Any]
Array = np.ndarray[Any, Any]


@pytest.fixture
def load_file() -> Load:
    """Load a directory in this process; skipped where the package is missing."""
    if not KITS["litert"].is_installed:
        pytest.skip("engine litert: ai_edge_litert is not installed")
    from seaway.engines.litert import ENGINE  # noqa: PLC0415 - imports the package

    return lambda path, **options: ENGINE.load(path, EngineOptions(**{"threads": 2} | options))


@pytest.fixture
def load(load_file: Load, models: Models) -> Load:
    """Load a model by name."""
    return lambda name, **options: load_file(models.version(f"lite_{name}"), **options)


def signature(model: Any, name: str = DEFAULT) -> Signature:
    return read(model.signature_def_map())[name]


def floats(*shape: int) -> Array:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def test_names_types_and_shapes_are_those_of_the_files_signature(load: Load) -> None:
    assert signature(load("matmul")) == Signature({"x": TensorSpec(FLOAT, (-1, 3))}, {"y": TensorSpec(FLOAT, (-1, 2))})


def test_every_signature_of_a_file_is_served(load: Load) -> None:
    model = load("signatures")
    assert set(read(model.signature_def_map())) == {DEFAULT, "adding"}
    assert model.run(DEFAULT, {"x": floats(3) * 0 + 2}, ("y",))["y"].tolist() == [4.0, 4.0, 4.0]
    pair = {"p": np.array([1, 2], np.float32), "q": np.array([10, 20], np.float32)}
    assert model.run("adding", pair, ("s",))["s"].tolist() == [11.0, 22.0]


def test_a_file_without_signatures_has_one_with_the_names_of_its_tensors(load: Load) -> None:
    model = load("without_signature")
    assert signature(model) == Signature({"x": TensorSpec(FLOAT, (-1, 1))}, {"y": TensorSpec(FLOAT, (-1, 1))})
    for rows in (1, 4, 0, 2):
        x = floats(rows, 1)
        assert np.allclose(model.run(DEFAULT, {"x": x}, ("y",))["y"], x / 2 + 2)


def with_metadata(content: bytes, entry: bytes) -> bytes:
    """Return the file with an entry of the name under which TensorFlow Serving looks for signatures."""
    import flatbuffers  # noqa: PLC0415 - comes with the package
    from ai_edge_litert.schema_py_generated import BufferT, MetadataT, Model, ModelT  # noqa: PLC0415

    model = ModelT.InitFromObj(Model.GetRootAs(content))
    buffer, metadata = BufferT(), MetadataT()
    buffer.data = np.frombuffer(entry, np.uint8)
    metadata.name, metadata.buffer = b"signature_defs_metadata", len(model.buffers)
    model.buffers = [*model.buffers, buffer]
    model.metadata = [*(model.metadata or []), metadata]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def declared(**tensors: tuple[str, str]) -> bytes:
    """Return signatures as TensorFlow Serving's own files hold them, each with the tensors of its `a` and `b`."""
    from flatbuffers import flexbuffers  # noqa: PLC0415 - comes with the package

    builder = flexbuffers.Builder()
    with builder.Map():
        for name, (a, b) in tensors.items():
            entry = message("tensorflow.SignatureDef")()
            entry.method_name = "tensorflow/serving/regress"
            entry.inputs["a"].name, entry.outputs["b"].name = a, b
            builder.Key(name)
            builder.String(entry.SerializeToString().decode())
    return bytes(builder.Finish())


def test_signatures_that_were_written_for_tensorflow_serving_keep_their_names(
    load_file: Load, load: Load, models: Models, tmp_path: Path
) -> None:
    load("without_signature")  # skips where the package is missing
    content = (models.version("lite_without_signature") / "model.tflite").read_bytes()
    (tmp_path / "model.tflite").write_bytes(with_metadata(content, declared(half=("x:0", "y"), same=("x", "y:0"))))
    model = load_file(tmp_path)
    whole = message("tensorflow.serving.SignatureDefMap").FromString(model.signature_def_map())
    assert {name: entry.method_name for name, entry in whole.signature_def.items()} == dict.fromkeys(
        ("half", "same"), "tensorflow/serving/regress"
    )
    assert signature(model, "half").inputs == {"a": TensorSpec(FLOAT, (-1, 1))}
    assert model.run("half", {"a": np.full((2, 1), 4, np.float32)}, ("b",))["b"].tolist() == [[4.0], [4.0]]


@pytest.mark.parametrize(
    ("entry", "kind", "words"),
    [
        pytest.param(b"\xff\xff\xff", DataLoss, "cannot be read", id="no-map"),
        pytest.param(None, FailedPrecondition, "'a' the tensor z, which is not there", id="an-unknown-tensor"),
    ],
)
def test_signatures_that_cannot_be_used_fail_the_load(
    load_file: Load, models: Models, tmp_path: Path, entry: bytes | None, kind: type[SeawayError], words: str
) -> None:
    content = (models.version("lite_without_signature") / "model.tflite").read_bytes()
    (tmp_path / "model.tflite").write_bytes(with_metadata(content, entry or declared(half=("z", "y"))))
    with pytest.raises(kind, match=words):
        load_file(tmp_path)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_leading_one_that_nothing_counts_on_is_free(load: Load, rows: int) -> None:
    model = load("one_row")
    x = floats(rows, 3)
    assert signature(model).outputs == {"y": TensorSpec(FLOAT, (-1, 2))}
    expected = x @ np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert np.allclose(model.run(DEFAULT, {"x": x}, ("y",))["y"], expected, atol=1e-5)


@pytest.mark.parametrize("name", ["one_row_shared", "one_row_shaped"])
def test_a_leading_one_that_the_graph_counts_on_stays_and_more_rows_are_refused(load: Load, name: str) -> None:
    model = load(name)
    ((alias, spec),) = signature(model).inputs.items()
    assert spec.shape is not None
    assert spec.shape[0] == 1
    with pytest.raises(InvalidArgument, match=r"'x' has shape \[2,.*expected \[1,"):
        model.run(DEFAULT, {alias: np.ones((2, *spec.shape[1:]), np.float32)}, ("y",))
    assert model.run(DEFAULT, {alias: np.ones(spec.shape, np.float32)}, ("y",))["y"].shape[0] == 1


@pytest.mark.parametrize(
    ("inputs", "outputs", "is_tried"),
    [
        pytest.param({"x": TensorSpec(FLOAT, (1, 3))}, {"y": TensorSpec(FLOAT, (1,))}, True, id="all-of-one-row"),
        pytest.param({"x": TensorSpec(FLOAT, (-1, 3))}, {"y": TensorSpec(FLOAT, (-1,))}, False, id="free-already"),
        pytest.param({"x": TensorSpec(FLOAT, (1, 3))}, {"y": TensorSpec(FLOAT, ())}, False, id="one-answer-for-all"),
        pytest.param({"x": TensorSpec(FLOAT, (1, -1))}, {"y": TensorSpec(FLOAT, (1,))}, False, id="another-free"),
        pytest.param({"x": TensorSpec(7, (1,))}, {"y": TensorSpec(FLOAT, (1,))}, False, id="text-cannot-be-made-up"),
        pytest.param({"x": TensorSpec(FLOAT, (1, 1 << 23))}, {"y": TensorSpec(FLOAT, (1,))}, False, id="too-many"),
        pytest.param({}, {"y": TensorSpec(FLOAT, (1,))}, False, id="no-inputs"),
    ],
)
def test_only_rows_that_can_be_made_up_are_tried(
    inputs: dict[str, TensorSpec], outputs: dict[str, TensorSpec], is_tried: bool
) -> None:
    assert is_of_one_row(Signature(inputs, outputs)) is is_tried


def test_strings_go_in_and_out_as_they_are(load: Load) -> None:
    texts = np.empty(3, object)
    texts[:] = [b"a\xff\x00b", b"", b"c"]
    answer = load("strings").run(DEFAULT, {"texts": texts, "index": np.array([2, 0, 1], np.int32)}, ("same", "word"))
    assert answer["same"].tolist() == [b"a\xff\x00b", b"", b"c"]
    assert answer["word"].tolist() == [b"ccc", b"a", b"bb"]


def test_a_quantized_model_is_served_in_its_own_type(load: Load) -> None:
    model = load("quantized")
    assert signature(model) == Signature({"x": TensorSpec(INT8, (-1, 4))}, {"y": TensorSpec(INT8, (-1, 2))})
    answer = model.run(DEFAULT, {"x": np.arange(12, dtype=np.int8).reshape(3, 4)}, ("y",))["y"]
    assert (answer.dtype, answer.shape) == (np.int8, (3, 2))


def test_a_model_with_state_has_one_interpreter_so_that_the_state_is_one(load: Load) -> None:
    model = load("counter", threads=4)
    with ThreadPoolExecutor(4) as pool:
        one = {"x": np.array(1, np.float32)}
        totals = list(pool.map(lambda _: float(model.run(DEFAULT, one, ("y",))["y"]), range(40)))
    assert sorted(totals) == [float(total) for total in range(1, 41)]


@pytest.mark.parametrize(
    ("options", "interpreters"),
    [
        pytest.param({"threads": 3}, 3, id="as-many-as-runs"),
        pytest.param({"threads": 3, "interpreters": 2}, 2, id="as-told"),
        pytest.param({"threads": 3, "interpreters": 9}, 3, id="never-more-than-runs"),
    ],
)
def test_interpreters_are_as_many_as_are_of_use(load: Load, options: Mapping[str, int], interpreters: int) -> None:
    assert load("matmul", **options)._idle.qsize() == interpreters


def test_fewer_interpreters_than_callers_answer_all_of_them(load: Load) -> None:
    model = load("half_plus_two", threads=4, interpreters=2)

    def ask(index: int) -> bool:
        x = np.full((1 + index % 3, 1), index, np.float32)
        return bool(np.allclose(model.run(DEFAULT, {"x": x}, ("y",))["y"], x / 2 + 2))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(300)))


def test_shapes_that_do_not_fit_each_other_are_refused_and_the_next_run_is_answered(load: Load) -> None:
    model = load("arithmetic", threads=1)
    with pytest.raises(InvalidArgument, match=r"LiteRT: .*failed to prepare"):
        model.run(DEFAULT, {"a": floats(3), "b": floats(2)}, ("sum",))
    assert model.run(DEFAULT, {"a": floats(2), "b": -floats(2)}, ("sum",))["sum"].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        pytest.param("half_plus_two", [2.0], [3.0], id="a-trailing-one-may-be-missing"),
        pytest.param("half_plus_two", [2.0, 4.0], [3.0, 4.0], id="of-several-rows-too"),
        pytest.param("half_plus_two", [[[2.0]]], None, id="one-too-many"),
        pytest.param("half_plus_two", 2.0, None, id="nothing-of-the-rows"),
        pytest.param("matmul", [1.0, 2.0, 3.0], None, id="a-missing-dimension-that-is-no-one"),
        pytest.param("scalar", [1.0], None, id="not-a-scalar"),
    ],
)
def test_only_trailing_dimensions_of_one_may_be_missing(
    load: Load, name: str, x: object, expected: list[float] | None
) -> None:
    model, inputs = load(name), {"x": np.array(x, np.float32)}
    if expected is not None:
        assert model.run(DEFAULT, inputs, ("y",))["y"].tolist() == expected
        return
    with pytest.raises(InvalidArgument, match=r"'x' has shape .*; expected "):
        model.run(DEFAULT, inputs, ("y",))


def test_a_run_that_fails_says_so_in_litert_words_and_the_next_is_answered(load: Load) -> None:
    model = load("strings", threads=1)
    text = np.array([b"t"], object)
    with pytest.raises(Internal, match="gather index out of bounds"):
        model.run(DEFAULT, {"texts": text, "index": np.array([7], np.int32)}, ("word",))
    assert model.run(DEFAULT, {"texts": text, "index": np.array([1], np.int32)}, ("word",))["word"].tolist() == [b"bb"]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        pytest.param("bfloat16", Unimplemented, "'x' of type bfloat16 cannot be served", id="element-type"),
        pytest.param("foreign_operation", FailedPrecondition, "Select TensorFlow op", id="operation"),
    ],
)
def test_what_litert_cannot_do_fails_at_load_and_says_so(
    load: Load, name: str, kind: type[SeawayError], words: str
) -> None:
    with pytest.raises(kind, match=words):
        load(name)


@pytest.mark.parametrize("kept_share", [0.0, 0.01, 0.3, 0.99], ids=lambda share: f"{share:.0%}-of-the-file")
def test_a_truncated_file_is_data_loss(load_file: Load, models: Models, tmp_path: Path, kept_share: float) -> None:
    content = (models.version("lite_signatures") / "model.tflite").read_bytes()
    (tmp_path / "model.tflite").write_bytes(content[: int(len(content) * kept_share)])
    with pytest.raises(DataLoss, match=r"model\.tflite is (empty|damaged)"):
        load_file(tmp_path)


def test_a_file_with_another_beginning_is_data_loss(load_file: Load, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(b"\x08\x01\x12\x04ONNX" * 40)
    with pytest.raises(DataLoss, match="damaged"):
        load_file(tmp_path)


def test_a_file_that_is_overwritten_does_not_reach_into_the_running_model(
    load_file: Load, models: Models, tmp_path: Path
) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes((models.version("lite_matmul") / "model.tflite").read_bytes())
    model = load_file(tmp_path)
    with file.open("r+b") as opened:
        opened.truncate(0)
    assert model.run(DEFAULT, {"x": np.ones((2, 3), np.float32)}, ("y",))["y"].tolist() == [[9.0, 12.0]] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["model.tflite"]
