"""What runs a graph in OpenVINO: compiled as it is, or once for each of a fixed set of row counts.

Each thread has infer requests of its own, and each request tensors of its own. Inputs are copied into them: that is
where padding happens, and OpenVINO keeps no reference to a request's memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import openvino

from seaway.engines.engine import Array, EngineOptions
from seaway.errors import InvalidArgument

_RELATIVE, _ABSOLUTE = 1e-3, 1e-5


@dataclass(frozen=True, slots=True)
class Graph:
    """A model that was read, and the names of its inputs and outputs in its order."""

    model: Any
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Runner(Protocol):
    """Runs a compiled graph on arrays in the graph's order."""

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Return every output; views hold until the same thread's next run."""
        ...


class AsItIs:
    """One compiled model, whatever is free in it."""

    def __init__(self, graph: Graph, options: EngineOptions) -> None:
        """Compile.

        Raises:  Exception - OpenVINO's own, it cannot.
        """
        self._requests = _Requests(_compiled(graph.model, options))

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run in one piece."""
        request = self._requests.own()
        for index, array in enumerate(inputs):
            tensor = request.get_input_tensor(index)
            tensor.shape = array.shape
            tensor.data[...] = array
        request.infer()
        return _outputs(request)


class FixedRows:
    """One compiled model for each row count; `has_free_rows` holds for the graph."""

    def __init__(self, graph: Graph, options: EngineOptions) -> None:
        """Compile for each row count.

        Raises:  Exception - OpenVINO's own, it cannot.
        """
        self.sizes = tuple(sorted(options.batch_sizes))
        self._requests = {size: _Requests(_compiled(_with_rows(graph.model, size), options)) for size in self.sizes}

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run in as few parts as possible.

        Raises:  InvalidArgument - the inputs have different numbers of rows.
        """
        rows = _rows(inputs)
        largest = self.sizes[-1]
        if rows <= largest:
            return self._run_part(inputs, rows)
        return _joined(
            self._run_part([each[start : start + largest] for each in inputs], min(largest, rows - start))
            for start in range(0, rows, largest)
        )

    def run_in(self, size: int, inputs: Sequence[Array]) -> list[Array]:
        """Run in parts of one size, the last padded."""
        return _joined(
            self._infer(size, [each[start : start + size] for each in inputs])
            for start in range(0, _rows(inputs), size)
        )

    def _run_part(self, inputs: Sequence[Array], rows: int) -> list[Array]:
        return self._infer(next(size for size in self.sizes if size >= rows), inputs)

    def _infer(self, size: int, inputs: Sequence[Array]) -> list[Array]:
        rows = len(inputs[0])
        request = self._requests[size].own()
        for index, array in enumerate(inputs):
            data = request.get_input_tensor(index).data
            data[:rows] = array
            data[rows:] = array[:1] if rows else 0  # a row that is valid, since it was asked for
        if rows:
            request.infer()
        return [output[:rows] for output in _outputs(request)]


class _Requests:
    """The infer requests of one compiled model, one for each thread."""

    def __init__(self, compiled: Any) -> None:
        self._compiled = compiled
        self._local = threading.local()

    def own(self) -> Any:
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        return request


def has_free_rows(model: Any) -> bool:
    """Tell whether every input and output has a free leading dimension, and the inputs nothing else that is free."""
    inputs = [port.partial_shape for port in model.inputs]
    outputs = [port.partial_shape for port in model.outputs]
    if not inputs or any(shape.rank.is_dynamic or len(shape) == 0 for shape in inputs + outputs):
        return False
    is_free = all(shape[0].is_dynamic for shape in inputs + outputs)
    return is_free and all(size.is_static for shape in inputs for size in list(shape)[1:])


def generated_rows(model: Any, rows: int) -> list[Array]:
    """Return inputs for `has_free_rows` models: normally distributed numbers, or zeros and ones for integers."""
    random = np.random.default_rng(1)
    arrays = []
    for port in model.inputs:
        shape = (rows, *(size.get_length() for size in list(port.partial_shape)[1:]))
        dtype = port.element_type.to_dtype()
        values = random.standard_normal(shape) if dtype.kind == "f" else random.integers(0, 2, shape)
        arrays.append(values.astype(dtype))
    return arrays


def copied(outputs: Sequence[Array]) -> list[Array]:
    """Return outputs that hold beyond the next run."""
    return [each.copy() for each in outputs]


def same(answer: Sequence[Array], parts: Sequence[Sequence[Array]]) -> bool:
    """Tell whether each output is its parts, one after another, within the noise of another order of summation."""
    return all(
        each.shape == (expected := np.concatenate(column)).shape
        and np.allclose(each, expected, _RELATIVE, _ABSOLUTE, equal_nan=True)
        for each, column in zip(answer, parts, strict=True)
    )


def _compiled(model: Any, options: EngineOptions) -> Any:
    settings = {
        "NUM_STREAMS": options.threads,
        "INFERENCE_NUM_THREADS": options.threads * options.intra_op_threads,
        # Some processors would otherwise compute in bfloat16, which changes answers in the second digit.
        "INFERENCE_PRECISION_HINT": "f32",
    }
    return openvino.Core().compile_model(model, "CPU", settings)


def _with_rows(model: Any, rows: int) -> Any:
    copy = model.clone()
    copy.reshape({port: [rows, *list(port.partial_shape)[1:]] for port in copy.inputs})
    return copy


def _rows(inputs: Sequence[Array]) -> int:
    counts = {len(each) for each in inputs}
    if len(counts) > 1:
        raise InvalidArgument(f"the inputs have different numbers of rows: {', '.join(map(str, sorted(counts)))}")
    return counts.pop()


def _outputs(request: Any) -> list[Array]:
    return [request.get_output_tensor(index).data for index in range(len(request.model_outputs))]


def _joined(parts: Iterable[Sequence[Array]]) -> list[Array]:
    # Copied part by part: each run overwrites what the one before has answered.
    columns = zip(*(copied(part) for part in parts), strict=True)
    return [np.concatenate(column) for column in columns]
