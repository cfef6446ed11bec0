"""A SavedModel that is written without TensorFlow."""

from __future__ import annotations

from pathlib import Path

from seaway.protos import message
from seaway.protos.partial import saved_model_message

ALL = frozenset({"tensorflow", "onnx", "openvino", "litert", "python"})


def saved_model(path: Path) -> Path:
    """A SavedModel with one signature: y is what a function makes of x and a variable."""
    whole = message("tensorflow.SavedModel")()
    graph = whole.meta_graphs.add()
    graph.meta_info_def.tags.append("serve")
    graph.meta_info_def.tensorflow_version = "2.21.0"
    entry = graph.signature_def["serving_default"]
    entry.method_name = "tensorflow/serving/predict"
    for side, name in ((entry.inputs, "x"), (entry.outputs, "y")):
        side[name].name, side[name].dtype = f"{name}:0", 1
        side[name].tensor_shape.dim.add().size = -1
    rest = saved_model_message()()
    add = rest.meta_graphs.add().graph.node.add
    add(name="x", op="Placeholder")
    variable = add(name="v", op="VarHandleOp")
    shape = variable.attr.add(key="shape").value.shape
    shape.dim.add(size=3)
    shape.dim.add(size=5)
    call = add(name="y", op="StatefulPartitionedCall", input=["x", "v"])
    call.attr.add(key="f").value.func.name = "body"
    add(name="save", op="SaveV2", input=["v"])
    function = rest.meta_graphs[0].graph.library.function.add()
    function.signature.name = "body"
    for op in ("MatMul", "Relu", "Relu"):
        function.node.add(name=op.lower(), op=op)
    path.mkdir(parents=True, exist_ok=True)
    merged = saved_model_message().FromString(whole.SerializeToString())
    merged.meta_graphs[0].MergeFrom(rest.meta_graphs[0])
    (path / "saved_model.pb").write_bytes(merged.SerializeToString())
    return path
