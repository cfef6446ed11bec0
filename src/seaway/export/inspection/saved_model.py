"""Reads a `saved_model.pb`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from google.protobuf.message import DecodeError

from seaway.engines.signatures import saved_model_signatures, signature_of
from seaway.errors import DataLoss
from seaway.export.inspection.graph import Graph
from seaway.protos.partial import saved_model_message

_SERVE = "serve"
_VARIABLES = ("VarHandleOp", "VariableV2", "Variable")
_HOUSEKEEPING = frozenset(
    (
        *("Const", "NoOp", "Identity", "IdentityN", "Placeholder", "StatefulPartitionedCall", "PartitionedCall"),
        *("ReadVariableOp", "VarHandleOp", "VariableV2", "Variable", "_Arg", "_Retval"),
    )
)
"""What computes nothing."""


def read_saved_model(version: Path) -> Graph:
    """Return what the graph for serving holds; the first graph where none is tagged so.

    Raises:  DataLoss - it cannot be read; NotFound - it has no graph.
    """
    file = version / "saved_model.pb"
    try:
        model = saved_model_message().FromString(file.read_bytes())
    except DecodeError as err:
        raise DataLoss(f"{file} is not a SavedModel: {err}") from err
    graphs = list(model.meta_graphs)
    chosen = next((each for each in graphs if set(each.info.tags) == {_SERVE}), graphs[0] if graphs else None)
    tags = tuple(chosen.info.tags) if chosen is not None else (_SERVE,)
    definitions = saved_model_signatures(version, tags).signature_def
    serving = {name: entry for name, entry in definitions.items() if chosen is not None}
    return Graph(
        {name: signature_of(entry) for name, entry in definitions.items()},
        {name: entry.method_name for name, entry in definitions.items() if entry.method_name},
        dict(_operations(chosen.graph, serving.values()).most_common()) if chosen is not None else {},
        _weights(chosen.graph) if chosen is not None else 0,
        {"TensorFlow": chosen.info.tensorflow_version if chosen is not None else "", "tags": ", ".join(tags)},
        tuple(sorted(asset.filename for asset in chosen.assets)) if chosen is not None else (),
    )


def _operations(graph: Any, signatures: Iterable[Any]) -> Counter[str]:
    """Count what the outputs of signatures depend on, functions included; saving and restoring is not among it."""
    nodes = {node.name: node for node in graph.node}
    bodies = {function.signature.name: list(function.node) for function in graph.library.function}
    waiting = [_node_of(info.name) for entry in signatures for info in entry.outputs.values()]
    reached: set[str] = set()
    counted: Counter[str] = Counter()
    while waiting:
        name = waiting.pop()
        if name in reached or name not in nodes:
            continue
        reached.add(name)
        counted += _counted(nodes[name], bodies, frozenset())
        waiting += [_node_of(each) for each in nodes[name].input]
    return counted


def _counted(node: Any, bodies: Mapping[str, list[Any]], around: frozenset[str]) -> Counter[str]:
    called = {node.op, *(name for each in node.attr for name in _functions(each.value))} & set(bodies)
    counted = Counter([] if node.op in _HOUSEKEEPING or node.op in bodies else [str(node.op)])
    for function in called - around:  # a function may call itself
        for each in bodies[function]:
            counted += _counted(each, bodies, around | {function})
    return counted


def _functions(value: Any) -> Iterator[str]:
    if value.HasField("func"):
        yield value.func.name
    yield from (each.name for each in value.list.func)


def _node_of(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]


def _weights(graph: Any) -> int:
    """Return the values of all variables; one that several parts of the graph use counts once."""
    sizes: dict[str, int] = {}
    for node in graph.node:
        if node.op in _VARIABLES:
            attributes = {each.key: each.value for each in node.attr}
            shared = attributes["shared_name"].s.decode() if "shared_name" in attributes else ""
            sizes[shared or node.name] = _values(attributes.get("shape"))
    return sum(sizes.values())


def _values(value: Any) -> int:
    if value is None or value.shape.unknown_rank:
        return 0
    sizes = [dim.size for dim in value.shape.dim]
    return math.prod(sizes) if all(size >= 0 for size in sizes) else 0
