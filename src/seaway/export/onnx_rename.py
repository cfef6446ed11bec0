"""Other names for what a graph takes and gives, in every place where a graph says a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seaway.errors import InvalidArgument
from seaway.export.signature import Signature


def renamed(proto: Any, described: Signature | None) -> Any:
    """Return the graph with the names of a described signature, the graph itself where none is described.

    Raises:  InvalidArgument - it names another number of inputs or outputs, or a name that the graph uses inside.
    """
    if described is None:
        return proto
    weights = {each.name for each in proto.graph.initializer}
    inputs = [each.name for each in proto.graph.input if each.name not in weights]
    outputs = [each.name for each in proto.graph.output]
    names = _paired(inputs, list(described.inputs), "inputs")
    if described.outputs:
        names |= _paired(outputs, described.outputs, "outputs")
    return with_names(proto, names)


def with_names(proto: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of the graph in which values have other names.

    Raises:  InvalidArgument - a new name is in use for something else.
    """
    changed = {old: new for old, new in names.items() if old != new}
    copied = type(proto)()
    copied.CopyFrom(proto)
    if taken := sorted(set(changed.values()) & (_used(copied.graph) - set(changed))):
        raise InvalidArgument(f"the graph uses the name {taken[0]!r} inside; choose another")
    _rename(copied.graph, changed)
    return copied


def _paired(own: Sequence[str], wanted: Sequence[str], side: str) -> dict[str, str]:
    if len(own) != len(wanted):
        raise InvalidArgument(f"the signature names {len(wanted)} {side}; the graph has {', '.join(own)}")
    return dict(zip(own, wanted, strict=True))


def _used(graph: Any) -> set[str]:
    return {name for node in graph.node for name in (*node.input, *node.output)} | {
        each.name for each in (*graph.input, *graph.output, *graph.initializer)
    }


def _rename(graph: Any, names: Mapping[str, str]) -> None:
    for value in (*graph.input, *graph.output, *graph.value_info, *graph.initializer):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        for attribute in node.attribute:  # branches and loops see the names around them
            for inner in (attribute.g, *attribute.graphs) if attribute.HasField("g") else attribute.graphs:
                _rename(inner, names)
