"""What a caller gave, as the named arrays of a signature, or a refusal that says what to change.

Pure. Without a signature (a server may not tell) arrays are sent in the type they have, and the server judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from seaway.client.conversion import array_for, as_array
from seaway.client.dtypes import Array
from seaway.client.signature import Signature, TensorSpec, shape_text
from seaway.errors import InvalidArgument

Inputs: TypeAlias = Mapping[str, object]
Check = Literal["all", "dtypes", "none"]
"""What is compared with the signature before anything is sent."""


def named_inputs(value: object, named: Inputs, signature: Signature | None) -> Inputs:
    """Return inputs by name, from one array, from a dict, or from keywords; no value is None.

    Raises:  InvalidArgument - both are given, or one array for a signature that has another number of inputs.
    """
    if value is None:
        return named
    if named:
        raise InvalidArgument(f"inputs are given both at once and as keywords ({', '.join(named)}); keep one way")
    if isinstance(value, Mapping):
        return {str(name): each for name, each in value.items()}
    if signature is None:
        raise InvalidArgument(
            "one array was given, and the server does not tell the signature; name the input: {'NAME': array}"
        )
    needed = [name for name in signature.inputs if name not in signature.optional] or list(signature.inputs)
    if len(needed) != 1:
        raise InvalidArgument(
            f"one array was given, and signature {signature.name!r} has {len(needed)} inputs ({_listed(signature)}); "
            "give a dict"
        )
    return {needed[0]: value}


def checked_inputs(inputs: Inputs, signature: Signature | None, check: Check = "all") -> Mapping[str, Array]:
    """Return the arrays to send, in the types of the signature.

    Raises:  InvalidArgument - an input is missing, unknown, of a type that would lose something, or of another shape.
    """
    if signature is None or check == "none":
        return {name: as_array(name, value) for name, value in inputs.items()}
    _check_names(inputs, signature)
    arrays = {name: array_for(signature.inputs[name], value) for name, value in inputs.items()}
    if check == "all":
        for name, array in arrays.items():
            _check_shape(signature.inputs[name], array)
    return arrays


def _check_names(inputs: Inputs, signature: Signature) -> None:
    unknown = next((name for name in inputs if name not in signature.inputs), None)
    if unknown is not None:
        raise InvalidArgument(f"signature {signature.name!r} has no input {unknown!r}; it takes {_listed(signature)}")
    missing = next((name for name in signature.inputs if name not in inputs and name not in signature.optional), None)
    if missing is not None:
        raise InvalidArgument(
            f"input {missing!r} of signature {signature.name!r} is missing; it takes {_listed(signature)}"
        )


def _listed(signature: Signature) -> str:
    return ", ".join(f"{name}: {spec}" for name, spec in signature.inputs.items()) or "none"


def _check_shape(spec: TensorSpec, array: Array) -> None:
    if not spec.fits(array.shape):
        fix = "reshape it, or have the server judge with check='dtypes'"
        if spec.shape is not None and spec.has_rows and spec.fits((1, *array.shape)):
            fix = "a single row needs its own dimension: x[np.newaxis]"
        raise InvalidArgument(
            f"input {spec.name!r} takes the shape {shape_text(spec.shape)}, found {shape_text(array.shape)}: {fix}"
        )
