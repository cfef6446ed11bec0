"""Whether a file that was converted for one row answers several: tried at load, on rows that are made up.

Nothing here knows the package: what runs a signature is an argument.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np

from seaway.engines.element_types import NUMPY, STRING
from seaway.engines.engine import Array
from seaway.engines.signatures import FREE, Signature, TensorSpec
from seaway.errors import SeawayError

Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]

_PROOF_ROWS = 3
_LARGEST_PROOF_ROW = 1 << 22
_RELATIVE, _ABSOLUTE = 1e-3, 1e-5


def with_free_rows(name: str, signature: Signature, run: Run) -> Signature:
    """Return a signature with its leading ones made free, if joined rows are answered as single ones."""
    if not is_of_one_row(signature):
        return signature
    rows = _generated(signature.inputs)
    try:
        joined = run(rows)
        parts = [run({each: array[index : index + 1] for each, array in rows.items()}) for index in range(_PROOF_ROWS)]
    except SeawayError as err:
        print(f"seaway: signature '{name}' stays at one row a request: {err.message}", file=sys.stderr, flush=True)
        return signature
    if not all(_same(array, [part[each] for part in parts]) for each, array in joined.items()):
        print(
            f"seaway: signature '{name}' stays at one row a request: joined rows are answered differently",
            file=sys.stderr,
            flush=True,
        )
        return signature
    return Signature(_freed(signature.inputs), _freed(signature.outputs))


def is_of_one_row(signature: Signature) -> bool:
    """Tell whether every tensor has a leading 1 and inputs can be made up: nothing free, numbers only, not too many."""
    inputs, outputs = signature.inputs.values(), signature.outputs.values()
    return (
        bool(inputs)
        and all(spec.shape and spec.shape[0] == 1 for spec in (*inputs, *outputs))
        and all(spec.dtype != STRING and prod(spec.shape or ()) <= _LARGEST_PROOF_ROW for spec in inputs)
        and all(FREE not in (spec.shape or ()) for spec in inputs)
    )


def _generated(inputs: Mapping[str, TensorSpec]) -> dict[str, Array]:
    random = np.random.default_rng(1)
    made = {}
    for name, spec in inputs.items():
        dtype, shape = NUMPY[spec.dtype], (_PROOF_ROWS, *(spec.shape or ())[1:])
        values = random.standard_normal(shape) if dtype.kind in "fc" else random.integers(0, 2, shape)
        made[name] = values.astype(dtype)
    return made


def _same(joined: Array, parts: Sequence[Array]) -> bool:
    expected = np.concatenate(parts)
    if joined.shape != expected.shape:
        return False
    if joined.dtype.kind not in "fc":
        return bool(np.array_equal(joined, expected))
    return bool(np.allclose(joined, expected, _RELATIVE, _ABSOLUTE, equal_nan=True))


def _freed(specs: Mapping[str, TensorSpec]) -> dict[str, TensorSpec]:
    return {name: TensorSpec(spec.dtype, (FREE, *(spec.shape or ())[1:])) for name, spec in specs.items()}
