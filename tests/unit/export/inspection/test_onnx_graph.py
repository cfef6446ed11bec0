"""An ONNX file is read without the package onnx: checked against files that the package writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from seaway.engines.signatures import TensorSpec
from seaway.errors import DataLoss
from seaway.export.inspection.onnx_graph import read_onnx


def test_signature_operations_weights_and_versions_are_read(tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    weights = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Relu", ["m"], ["r"]),
        helper.make_node("Relu", ["r"], ["y"]),
        helper.make_node("Odd", ["x"], ["z"], domain="mine"),
    ]
    inputs = [value("x", TensorProto.FLOAT, ["rows", 4]), value("w", TensorProto.FLOAT, [4, 3])]
    outputs = [value("y", TensorProto.FLOAT, [None, 3]), value("z", TensorProto.STRING, [])]
    graph = helper.make_graph(nodes, "g", inputs, outputs, [weights])
    model = helper.make_model(graph, producer_name="maker", producer_version="1.2", ir_version=9)
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    found = read_onnx(tmp_path / "model.onnx")
    signature = found.signatures["serving_default"]
    assert signature.inputs == {"x": TensorSpec(1, (-1, 4))}
    assert signature.outputs == {"y": TensorSpec(1, (-1, 3)), "z": TensorSpec(7, ())}
    assert found.operations == {"Relu": 2, "MatMul": 1, "mine.Odd": 1}
    assert found.weights == 12
    assert found.facts["producer"] == "maker 1.2"


def test_what_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\xff\xff\xff")
    with pytest.raises(DataLoss, match="is not an ONNX graph"):
        read_onnx(tmp_path / "model.onnx")
