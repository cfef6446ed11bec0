"""Parts of two file formats that `proto/` does not hold, for reading only: a SavedModel's graph, and ONNX.

Each is a message of the fields that somebody looks at, made when it is first needed; every other field stays unread. So
a model can be looked into where neither TensorFlow nor onnx is installed.

Source: tensorflow/core/framework/{graph,function,node_def,attr_value}.proto, tensorflow/core/protobuf/meta_graph.proto;
onnx/onnx.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_SCALARS = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}

_GRAPH = "seaway.partial.graph"
_ONNX = "seaway.partial.onnx"

_MESSAGES: Mapping[str, Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        _GRAPH: {
            "SavedModel": {"meta_graphs": "2 *MetaGraph"},
            "MetaGraph": {"info": "1 Info", "graph": "2 Graph", "assets": "6 *Asset"},
            "Info": {"tags": "4 *string", "tensorflow_version": "5 string"},
            "Asset": {"filename": "2 string"},
            "Graph": {"node": "1 *Node", "library": "2 Library"},
            "Library": {"function": "1 *Function"},
            "Function": {"signature": "1 Named", "node": "3 *Node"},
            "Node": {"name": "1 string", "op": "2 string", "input": "3 *string", "attr": "5 *Attribute"},
            "Attribute": {"key": "1 string", "value": "2 Value"},
            "Value": {"list": "1 List", "s": "2 bytes", "type": "6 int32", "shape": "7 Shape", "func": "10 Named"},
            "List": {"func": "9 *Named"},
            "Named": {"name": "1 string"},
            "Shape": {"dim": "2 *Dim", "unknown_rank": "3 bool"},
            "Dim": {"size": "1 int64"},
        },
        _ONNX: {
            "Model": {
                "ir_version": "1 int64",
                "producer_name": "2 string",
                "producer_version": "3 string",
                "graph": "7 Graph",
                "opset_import": "8 *Opset",
                "functions": "25 *Function",
            },
            "Opset": {"domain": "1 string", "version": "2 int64"},
            "Function": {"name": "1 string", "node": "7 *Node", "domain": "10 string"},
            "Graph": {"node": "1 *Node", "initializer": "5 *Tensor", "input": "11 *Info", "output": "12 *Info"},
            "Node": {"op_type": "4 string", "attribute": "5 *Attribute", "domain": "7 string"},
            "Attribute": {"name": "1 string", "g": "6 Graph", "graphs": "11 *Graph"},
            "Tensor": {"dims": "1 *int64", "data_type": "2 int32", "name": "8 string"},
            "Info": {"name": "1 string", "type": "2 Type"},
            "Type": {"tensor_type": "1 TensorType"},
            "TensorType": {"elem_type": "1 int32", "shape": "2 Shape"},
            "Shape": {"dim": "1 *Dim"},
            "Dim": {"dim_value": "1 int64", "dim_param": "2 string"},
        },
    }
)
"""By message and field: the number, a star where it is repeated, and the type. A map is repeated keys and values."""


def saved_model_message() -> Any:
    """Return the class for a `saved_model.pb`, down to the operations of its graphs."""
    return _classes(_GRAPH)("SavedModel")


def onnx_message() -> Any:
    """Return the class for an ONNX file, down to its operations and the shapes of its weights."""
    return _classes(_ONNX)("Model")


@cache
def _classes(package: str) -> Any:
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for name, fields in _MESSAGES[package].items():
        described = file.message_type.add(name=name)
        for field, text in fields.items():
            _describe(described.field.add(name=field), package, text)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}"))


def _describe(field: descriptor_pb2.FieldDescriptorProto, package: str, text: str) -> None:
    number, kind = text.split()
    repeated, kind = kind.startswith("*"), kind.lstrip("*")
    field.number = int(number)
    field.label = (
        descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
        if repeated
        else descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
    )
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    else:
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{package}.{kind}"
