"""New names for a graph's inputs and outputs, wherever the graph says them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from seaway.errors import InvalidArgument
from seaway.export.onnx_rename import renamed, with_names
from seaway.export.onnx_servable import GraphRunner, graph_signature
from seaway.export.signature import Signature, Tensor, described


def graph() -> Any:
    """Doubles x where `flag` says so, inside a branch that sees x from outside."""
    value = helper.make_tensor_value_info
    branches = {}
    for name, factor in (("then", 2.0), ("else", 1.0)):
        nodes = [
            helper.make_node("Constant", [], [f"{name}_by"], value_float=factor),
            helper.make_node("Mul", ["x", f"{name}_by"], [f"{name}_out"]),
        ]
        branches[f"{name}_branch"] = helper.make_graph(nodes, name, [], [value(f"{name}_out", 1, None)])
    inputs = [value("x", TensorProto.FLOAT, ["rows", 2]), value("flag", TensorProto.BOOL, [])]
    node = helper.make_node("If", ["flag"], ["y"], **branches)
    made = helper.make_graph([node], "g", inputs, [value("y", TensorProto.FLOAT, ["rows", 2])])
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def test_a_signature_is_read_from_the_graph() -> None:
    assert described(graph_signature(graph())) == "flag bool [], x float32 [?,2] → y float32 [?,2]"


def test_new_names_reach_into_branches_and_the_graph_answers_the_same() -> None:
    signature = Signature({"image": Tensor("float32", (None, 2)), "double": Tensor("bool", ())}, ("score",))
    changed = renamed(graph(), signature)
    onnx.checker.check_model(changed)
    inputs = {"image": np.float32([[1, 2]]), "double": np.array(True)}
    assert GraphRunner(changed.SerializeToString())(inputs, ["score"])["score"].tolist() == [[2.0, 4.0]]


def test_a_graph_without_a_signature_is_left_alone() -> None:
    given = graph()
    assert renamed(given, None) is given


@pytest.mark.parametrize(
    ("names", "why"),
    [
        pytest.param({"x": "y"}, "uses the name 'y' inside", id="taken"),
    ],
)
def test_a_name_that_is_taken_is_refused(names: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        with_names(graph(), names)


def test_another_number_of_names_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="names 1 inputs; the graph has x, flag"):
        renamed(graph(), Signature({"image": Tensor("float32", (None, 2))}))
