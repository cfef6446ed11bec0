"""What a `model.tflite` holds beside its graph: signatures in the older form, and whether it keeps state.

The package reads the signatures that converters have written since TensorFlow 2.5. Those that TensorFlow Serving reads
are older: messages in a metadata entry, which name tensors. They are found here, so that a file made for it keeps its
names. Only the package's own reader of the format is used, after its interpreter has verified the file.

Source: tensorflow/lite/tools/signature/signature_def_util.h (the entry: a flexbuffer map of serialized SignatureDefs);
tensorflow/lite/schema/schema.fbs; tensorflow_serving/servables/tensorflow/tflite_session.cc (tensor names).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ai_edge_litert.schema_py_generated import BuiltinOperator, Model
from flatbuffers import flexbuffers
from google.protobuf.message import DecodeError

from seaway.errors import DataLoss
from seaway.protos import message

_METADATA = b"signature_defs_metadata"


def metadata_signatures(content: bytes) -> Mapping[str, Any]:
    """Return the tensorflow.SignatureDefs of a verified file's metadata by name; empty when it has none.

    Raises:  DataLoss - the entry is there and cannot be read.
    """
    model = Model.GetRootAs(content)
    entries = (model.Metadata(index) for index in range(model.MetadataLength()))
    entry = next((each for each in entries if each.Name() == _METADATA), None)
    if entry is None:
        return {}
    try:
        found = flexbuffers.GetRoot(bytearray(model.Buffers(entry.Buffer()).DataAsNumpy().tobytes())).AsMap
        names = [key.AsKey for key in found.Keys]
        texts = [value.AsStringBytes for value in found.Values]
        definition = message("tensorflow.SignatureDef")
        return {name: definition.FromString(bytes(text)) for name, text in zip(names, texts, strict=True)}
    except (DecodeError, ValueError, TypeError, AttributeError, IndexError) as err:
        raise DataLoss(f"the file's {_METADATA.decode()} cannot be read: {err}") from err


def keeps_state(content: bytes) -> bool:
    """Tell whether a verified file has tensors or variables that one run leaves to the next."""
    model = Model.GetRootAs(content)
    codes = (model.OperatorCodes(index) for index in range(model.OperatorCodesLength()))
    return any(code.BuiltinCode() == BuiltinOperator.ASSIGN_VARIABLE for code in codes) or any(
        tensor.IsVariable() for tensor in _tensors(model)
    )


def short_names(names: list[str]) -> dict[str, str]:
    """Return for each tensor's name what a signature calls it: the part before the colon, where that tells them apart.

    Source:  tensorflow_serving/servables/tensorflow/tflite_session.cc, TfToTfLiteLegacyTensorName.
    """
    cut = {name: name.partition(":")[0] for name in names}
    counts = [cut[name] for name in names]
    return {name: short if counts.count(short) == 1 else name for name, short in cut.items()}


def _tensors(model: Any) -> Iterator[Any]:
    for index in range(model.SubgraphsLength()):
        graph = model.Subgraphs(index)
        yield from (graph.Tensors(number) for number in range(graph.TensorsLength()))
