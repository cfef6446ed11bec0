"""Reads a `model.tflite`, by the package of the engine that serves it: the file says less than the engine finds out."""

from __future__ import annotations

import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from seaway.engines.engine import EngineOptions
from seaway.engines.registry import LITERT, hosted
from seaway.engines.signatures import read
from seaway.export.inspection.graph import Graph

MODEL_FILE = "model.tflite"
_CUSTOM = "CUSTOM"


def read_tflite(file: Path) -> Graph:
    """Return what a LiteRT file holds, with the signatures that it is served with.

    Raises:  FailedPrecondition - LiteRT is not installed, or refuses it; DataLoss - the file is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="seaway-inspect-") as scratch:
        place = Path(scratch)
        (place / MODEL_FILE).symlink_to(file.resolve())
        loaded = hosted(LITERT).load(place, EngineOptions())
        signatures = read(loaded.signature_def_map())
        loaded.close()
    schema: Any = import_module("ai_edge_litert.schema_py_generated")
    model = schema.Model.GetRootAs(file.read_bytes())
    graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
    return Graph(
        signatures,
        operations=dict(Counter(_operations(schema, model, graphs)).most_common()),
        weights=sum(_weights(model, graphs)),
        facts={"schema": str(model.Version()), "description": (model.Description() or b"").decode(errors="replace")},
    )


def _operations(schema: Any, model: Any, graphs: list[Any]) -> Iterator[str]:
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    for graph in graphs:
        for index in range(graph.OperatorsLength()):
            code = model.OperatorCodes(graph.Operators(index).OpcodeIndex())
            number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())  # old files have the second only
            name = names.get(number, str(number))
            yield f"{name} {code.CustomCode().decode(errors='replace')}" if name == _CUSTOM else name


def _weights(model: Any, graphs: list[Any]) -> Iterator[int]:
    for graph in graphs:
        for index in range(graph.TensorsLength()):
            tensor = graph.Tensors(index)
            if model.Buffers(tensor.Buffer()).DataLength() > 0:
                yield math.prod(tensor.Shape(each) for each in range(tensor.ShapeLength()))
