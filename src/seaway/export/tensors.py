"""TensorFlow's tensors and specifications to ours and back; `tf` is handed in by who has imported it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seaway.engines.element_types import STRING, number_of
from seaway.engines.engine import Array
from seaway.engines.signatures import FREE, TensorSpec
from seaway.errors import InvalidArgument, Unimplemented


def spec_from(spec: Any) -> TensorSpec:
    """Return what engines make of a tf.TensorSpec, or of a symbolic tensor."""
    shape = spec.shape
    sizes = None if shape.rank is None else tuple(FREE if size is None else int(size) for size in shape.as_list())
    return TensorSpec(int(spec.dtype.as_datatype_enum), sizes)


def tensor_spec(tf: Any, name: str | None, spec: TensorSpec) -> Any:
    """Return a tf.TensorSpec of that name."""
    shape = None if spec.shape is None else [None if size == FREE else size for size in spec.shape]
    return tf.TensorSpec(shape, tf.dtypes.as_dtype(spec.dtype), name)


def rows_spec(array: Array) -> TensorSpec:
    """Return the specification of an input of which these are rows: as many as one likes.

    Raises:  InvalidArgument - the wire has no element type for them.
    """
    number = STRING if array.dtype.kind in "OSU" else number_of(array)
    if number is None:
        raise InvalidArgument(
            f"examples are {array.dtype}, which the wire lacks; convert them, for instance to float32"
        )
    return TensorSpec(number, (FREE, *array.shape[1:]))


def as_array(name: str, tensor: Any) -> Array:
    """Return an eager tensor's values; strings are objects, each `bytes`.

    Raises:  Unimplemented - it is ragged, sparse or something else that no answer can hold.
    """
    if not hasattr(tensor, "numpy"):
        raise Unimplemented(
            f"output {name!r} is a {type(tensor).__name__}, which an answer cannot hold; have the model return a dense "
            "tensor, for instance by to_tensor()"
        )
    return np.asarray(tensor.numpy())


def constants(tf: Any, inputs: Mapping[str, Array], specs: Mapping[str, TensorSpec]) -> dict[str, Any]:
    """Return inputs as eager tensors of their declared types."""
    return {name: tf.constant(_plain(array), tf.dtypes.as_dtype(specs[name].dtype)) for name, array in inputs.items()}


def _plain(array: Array) -> object:
    return array.tolist() if array.dtype == object and array.size else array
