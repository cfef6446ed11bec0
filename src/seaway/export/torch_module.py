"""A PyTorch module: traced by `torch.onnx` for the examples, served by ONNX Runtime.

A module says nothing of what it takes, so examples are needed: their types and shapes become the signature, with a free
number of rows. The module is asked in evaluation mode and left in the mode in which it was.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from seaway.engines.engine import Array
from seaway.engines.registry import ONNX
from seaway.engines.signatures import DEFAULT
from seaway.engines.signatures import Signature as Declared
from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.export.adapter import Wish
from seaway.export.onnx_rename import renamed
from seaway.export.onnx_servable import checked, graph_signature, onnx_package, write_graph
from seaway.export.packages import required
from seaway.export.signature import Signature
from seaway.proof.passport import default_tolerance

_TRACED_ROWS = 2
"""With one row, a tracer takes the number of rows for a constant."""
_SHOWN_CHARACTERS = 300


class TorchModule:
    """One module."""

    engine = ONNX
    packages = ("torch", "onnx", "onnxruntime", "numpy")
    tolerance = default_tolerance()

    def __init__(self, model: Any, wish: Wish) -> None:
        """Trace it.

        Raises:  FailedPrecondition - there are no examples, or it cannot be traced, with PyTorch's words.
        """
        self._torch: Any = required("torch", "torch", "exporting a PyTorch module")
        self._model = model
        described = wish.described("a PyTorch module", DEFAULT)
        rows = _rows(wish, described)
        outputs = self._output_names(rows, described)
        proto = renamed(self._traced(rows, outputs), None)
        self._signature = graph_signature(proto)
        self._proto = checked(proto)

    @property
    def signatures(self) -> Mapping[str, Declared]:
        """Return the one signature."""
        return {DEFAULT: self._signature}

    def answer(self, signature: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Call the module here."""
        answers = self._called(inputs)
        return {name: _array(each) for name, each in zip(self._signature.outputs, answers, strict=True)}

    def write(self, directory: Path) -> None:
        """Write the servable."""
        write_graph(self._proto, directory)

    def _called(self, inputs: Mapping[str, Array]) -> list[Any]:
        tensors = [self._torch.from_numpy(np.array(array)) for array in inputs.values()]
        with self._evaluating(), self._torch.no_grad():
            try:
                answer = self._model(*tensors)
            except Exception as err:
                words = " ".join(str(err).split())[:_SHOWN_CHARACTERS]
                raise InvalidArgument(f"{type(self._model).__name__} fails on the examples: {words}") from err
        return _flat(answer)

    def _output_names(self, rows: Mapping[str, Array], described: Signature | None) -> list[str]:
        count = len(self._called(rows))
        if described is not None and described.outputs:
            if len(described.outputs) != count:
                raise InvalidArgument(f"the signature names {len(described.outputs)} outputs; the module has {count}")
            return list(described.outputs)
        return ["outputs"] if count == 1 else [f"output_{index}" for index in range(count)]

    def _traced(self, rows: Mapping[str, Array], outputs: Sequence[str]) -> Any:
        tensors = tuple(self._torch.from_numpy(np.array(array)) for array in rows.values())
        rows_dimension = self._torch.export.Dim("rows", min=1)
        with tempfile.TemporaryDirectory(prefix="seaway-torch-") as scratch, self._evaluating():
            file = Path(scratch) / "model.onnx"
            try:
                self._torch.onnx.export(
                    self._model,
                    tensors,
                    str(file),
                    input_names=list(rows),
                    output_names=list(outputs),
                    dynamo=True,
                    dynamic_shapes=tuple({0: rows_dimension} for _ in tensors),
                    external_data=False,
                    verbose=False,
                )
            except Exception as err:
                words = " ".join(str(err).split())[:_SHOWN_CHARACTERS]
                raise FailedPrecondition(
                    f"PyTorch cannot write {type(self._model).__name__} as ONNX: {words}; export it by torch.onnx "
                    "yourself and give the file, or serve it as a class of your own (model.py)"
                ) from err
            return onnx_package().load_model(str(file))

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        was_training = bool(self._model.training)
        self._model.eval()
        try:
            yield
        finally:
            self._model.train(was_training)


def _rows(wish: Wish, described: Signature | None) -> dict[str, Array]:
    named = {"inputs": wish.given.rows} if wish.given.rows is not None else dict(wish.given.named)
    rows = {name: array for name, array in named.items() if array is not None}
    if not rows and described is not None:
        from_signature: dict[str, Array] = {}
        for name, tensor in described.inputs.items():
            shape = [_TRACED_ROWS if size is None else size for size in tensor.shape]
            from_signature[name] = np.zeros(shape, tensor.dtype)
        rows = from_signature
    if not rows:
        raise FailedPrecondition(
            "a PyTorch module does not say what it takes; give examples, for instance examples=rows.numpy()"
        )
    if described is not None:
        rows = dict(zip(described.inputs, rows.values(), strict=True))
    return {name: np.resize(array, (_TRACED_ROWS, *array.shape[1:])) for name, array in rows.items()}


def _flat(answer: Any) -> list[Any]:
    if isinstance(answer, Mapping):
        return list(answer.values())
    return list(answer) if isinstance(answer, (list, tuple)) else [answer]


def _array(tensor: Any) -> Array:
    return np.asarray(tensor.detach().cpu().numpy())
