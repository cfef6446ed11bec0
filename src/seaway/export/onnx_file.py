"""An ONNX graph that somebody else has made, from a file or in memory: the servable is the graph itself.

The graph is the model here, so what it answers is what ONNX Runtime answers in this process. That proves less than for
the other kinds: that the file came through whole, and that each server and engine answers as this machine does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from seaway.engines.engine import Array
from seaway.engines.registry import ONNX
from seaway.engines.signatures import DEFAULT
from seaway.engines.signatures import Signature as Declared
from seaway.errors import DataLoss, NotFound
from seaway.export.adapter import Wish
from seaway.export.onnx_rename import renamed
from seaway.export.onnx_servable import GraphRunner, checked, graph_signature, onnx_package, write_graph
from seaway.proof.passport import default_tolerance


class OnnxGraph:
    """One graph."""

    engine = ONNX
    packages = ("onnx", "onnxruntime", "numpy")
    tolerance = default_tolerance()

    def __init__(self, model: Any, wish: Wish) -> None:
        """Read and check it.

        Raises:  NotFound, DataLoss - no such file, or no ONNX; FailedPrecondition - the runtime refuses it.
        """
        proto = checked(_read(Path(model)) if isinstance(model, (str, Path)) else model)
        self._proto = renamed(proto, wish.described("an ONNX graph", DEFAULT))
        self._signature = graph_signature(self._proto)
        self._run = GraphRunner(self._proto.SerializeToString())

    @property
    def signatures(self) -> Mapping[str, Declared]:
        """Return the one signature."""
        return {DEFAULT: self._signature}

    def answer(self, signature: str, inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run the graph here."""
        return self._run(inputs, list(self._signature.outputs))

    def write(self, directory: Path) -> None:
        """Write the servable."""
        write_graph(self._proto, directory)


def _read(path: Path) -> Any:
    if not path.is_file():
        raise NotFound(f"{path} is not a file; name the .onnx file")
    onnx = onnx_package()
    try:
        return onnx.load_model(str(path))
    except Exception as err:  # protobuf's own error differs by implementation
        raise DataLoss(f"{path} cannot be read as ONNX: {err}") from err
