"""Reads an ONNX file."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from google.protobuf.message import DecodeError

from seaway.engines.element_types import number_named
from seaway.engines.signatures import DEFAULT, FREE, Signature, TensorSpec
from seaway.errors import DataLoss
from seaway.export.inspection.graph import Graph
from seaway.protos.partial import onnx_message

_TYPES = MappingProxyType(
    {
        1: "float32",
        2: "uint8",
        3: "int8",
        4: "uint16",
        5: "int16",
        6: "int32",
        7: "int64",
        8: "string",
        9: "bool",
        10: "float16",
        11: "float64",
        12: "uint32",
        13: "uint64",
        14: "complex64",
        15: "complex128",
    }
)
"""ONNX's numbers of the element types that a request can hold. Source: onnx/onnx.proto, TensorProto.DataType."""


def read_onnx(file: Path) -> Graph:
    """Return what an ONNX file holds; its graph is the one signature.

    Raises:  DataLoss - it cannot be read.
    """
    try:
        model = onnx_message().FromString(file.read_bytes())
    except DecodeError as err:
        raise DataLoss(f"{file} is not an ONNX graph: {err}") from err
    graph = model.graph
    weights = {each.name for each in graph.initializer}
    signature = Signature(
        {each.name: _spec(each) for each in graph.input if each.name not in weights},
        {each.name: _spec(each) for each in graph.output},
    )
    nodes = [*_nodes(graph), *(node for function in model.functions for node in _all(function.node))]
    return Graph(
        {DEFAULT: signature},
        operations=dict(Counter(_name(node) for node in nodes if node.op_type != "Constant").most_common()),
        weights=sum(math.prod(each.dims) for each in graph.initializer),
        facts={
            "producer": " ".join(filter(None, (model.producer_name, model.producer_version))),
            "IR": str(model.ir_version),
            "opsets": ", ".join({f"{each.domain or 'ai.onnx'} {each.version}": 0 for each in model.opset_import}),
        },
    )


def _nodes(graph: Any) -> Iterator[Any]:
    yield from _all(graph.node)


def _all(nodes: Sequence[Any]) -> Iterator[Any]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for inner in (*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])):
                yield from _nodes(inner)


def _name(node: Any) -> str:
    return f"{node.domain}.{node.op_type}" if node.domain not in {"", "ai.onnx"} else str(node.op_type)


def _spec(value: Any) -> TensorSpec:
    tensor = value.type.tensor_type
    number = number_named(_TYPES.get(tensor.elem_type, "")) or 0
    if not tensor.HasField("shape"):
        return TensorSpec(number, None)
    return TensorSpec(number, tuple(dim.dim_value if dim.HasField("dim_value") else FREE for dim in tensor.shape.dim))
