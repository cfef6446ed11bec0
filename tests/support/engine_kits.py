"""The same few models for every engine: what each engine needs in a version directory, made where it is asked for.

    half_plus_two  x [n,1] -> y = x/2 + 2              arithmetic  a [n], b [n] -> sum, difference
    scalar         x [] -> y = x/2 + 2                 matmul      x [n,3] -> y = x @ [[1,2],[3,4],[5,6]]
    centred        x [n,2] -> y = x - mean of its rows

SavedModels and TensorFlow Lite files come from `tests/models`; ONNX files and classes are written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

from seaway.engines.engine import EngineOptions
from tests.models.cache import CHECKOUT, Models

CACHE = CHECKOUT / ".cache" / "engines"

PYTHON: Mapping[str, tuple[str, str, str]] = {
    "half_plus_two": ('{"x": ("float32", [None, 1])}', '{"y": ("float32", [None, 1])}', '{"y": inputs["x"] / 2 + 2}'),
    "scalar": ('{"x": ("float32", [])}', '{"y": ("float32", [])}', '{"y": inputs["x"] / 2 + 2}'),
    "arithmetic": (
        '{"a": ("float32", [None]), "b": ("float32", [None])}',
        '{"sum": ("float32", [None]), "difference": ("float32", [None])}',
        '{"sum": inputs["a"] + inputs["b"], "difference": inputs["a"] - inputs["b"]}',
    ),
    "matmul": (
        '{"x": ("float32", [None, 3])}',
        '{"y": ("float32", [None, 2])}',
        '{"y": inputs["x"] @ np.array([[1, 2], [3, 4], [5, 6]], np.float32)}',
    ),
    "centred": (
        '{"x": ("float32", [None, 2])}',
        '{"y": ("float32", [None, 2])}',
        '{"y": inputs["x"] - inputs["x"].mean(axis=0, keepdims=True)}',
    ),
}


@dataclass(frozen=True, slots=True)
class Kit:
    """One way to serve: an engine, what it needs installed, and where its models come from."""

    engine: str
    package: str
    version: Callable[[str, Models, Path], Path]
    """Gives the version directory of a model by name; the path is a directory to make it in."""

    @property
    def is_installed(self) -> bool:
        """Whether the package is there."""
        return not self.package or find_spec(self.package) is not None

    @property
    def options(self) -> EngineOptions:
        """What the server would say; few row counts, so that padding and parts both happen."""
        return EngineOptions(threads=2, batch_sizes=(1, 4), instances=2, cache_directory=str(CACHE))


def saved_model(name: str, models: Models, _directory: Path) -> Path:
    """The SavedModel itself."""
    return models.version(name)


def tflite_file(name: str, models: Models, _directory: Path) -> Path:
    """A version directory with a `model.tflite`."""
    return models.version(f"lite_{name}")


def onnx_file(name: str, _models: Models, directory: Path) -> Path:
    """A version directory with a `model.onnx`."""
    import onnx  # noqa: PLC0415 - optional

    onnx.save(_onnx_graphs()[name], directory / "model.onnx")
    return directory


def python_class(name: str, _models: Models, directory: Path) -> Path:
    """A version directory with a `model.py`."""
    inputs, outputs, answer = PYTHON[name]
    text = f"""
        import numpy as np

        class Model:
            signature = {{"inputs": {inputs}, "outputs": {outputs}}}

            def load(self, path):
                pass

            def predict(self, inputs):
                return {answer}
    """
    (directory / "model.py").write_text(dedent(text))
    return directory


KITS = {
    "tensorflow": Kit("tensorflow", "tensorflow", saved_model),
    "onnx-from-saved-model": Kit("onnx", "onnxruntime", saved_model),
    "onnx-file": Kit("onnx", "onnxruntime", onnx_file),
    "openvino-saved-model": Kit("openvino", "openvino", saved_model),
    "openvino-onnx-file": Kit("openvino", "openvino", onnx_file),
    "litert": Kit("litert", "ai_edge_litert", tflite_file),
    "python": Kit("python", "", python_class),
}


def _onnx_graphs() -> dict[str, Any]:
    """The models as ONNX graphs."""
    halves = [("Mul", ["x", "half"], "halved"), ("Add", ["halved", "two"], "y")]
    constants = {"half": ([], [0.5]), "two": ([], [2.0])}
    weights = {"weights": ([3, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])}
    means = [("ReduceMean", ["x", "axes"], "mean"), ("Sub", ["x", "mean"], "y")]
    sums = [("Add", ["a", "b"], "sum"), ("Sub", ["a", "b"], "difference")]
    rows = {"a": ["n"], "b": ["n"]}
    return {
        "half_plus_two": _onnx(halves, {"x": ["n", 1]}, {"y": ["n", 1]}, constants),
        "scalar": _onnx(halves, {"x": []}, {"y": []}, constants),
        "arithmetic": _onnx(sums, rows, {"sum": ["n"], "difference": ["n"]}, {}),
        "matmul": _onnx([("MatMul", ["x", "weights"], "y")], {"x": ["n", 3]}, {"y": ["n", 2]}, weights),
        "centred": _onnx(means, {"x": ["n", 2]}, {"y": ["n", 2]}, {"axes": ([1], [0])}),
    }


def _onnx(
    nodes: list[tuple[str, list[str], str]],
    inputs: Mapping[str, list[Any]],
    outputs: Mapping[str, list[Any]],
    constants: Mapping[str, tuple[list[int], list[float]]],
) -> Any:
    from onnx import TensorProto, helper  # noqa: PLC0415 - optional

    def kind(name: str) -> int:
        return TensorProto.INT64 if name == "axes" else TensorProto.FLOAT

    def infos(shapes: Mapping[str, list[Any]]) -> list[Any]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

    made = [helper.make_tensor(name, kind(name), shape, values) for name, (shape, values) in constants.items()]
    steps = [helper.make_node(operation, given, [result]) for operation, given, result in nodes]
    graph = helper.make_graph(steps, "test", infos(inputs), infos(outputs), made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
