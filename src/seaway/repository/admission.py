"""Whether a version may be loaded into the memory that is left.

The estimate is the size of the files times 1.2: what a SavedModel takes once its variables are in memory.

Source: tensorflow_serving/servables/tensorflow/bundle_factory_util.cc, the multiplier of its RAM estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

from seaway import errors
from seaway.repository.ids import ServableId

ESTIMATE_FACTOR = 1.2

Admit: TypeAlias = Callable[[ServableId, int, Mapping[ServableId, int]], None]
"""`admit(id, estimate_bytes, held)` returns when the load may begin and raises ResourceExhausted when it may not."""


def estimate_bytes(size_bytes: int) -> int:
    """Return the memory that a version with files of this size is expected to take."""
    return math.ceil(size_bytes * ESTIMATE_FACTOR)


def admit_always(_id: ServableId, _estimate_bytes: int, _held: Mapping[ServableId, int]) -> None:
    """Admit whatever comes."""


def memory_limit(limit_bytes: int) -> Admit:
    """Return the admission for `total_model_memory_limit_bytes`; 0 admits always."""
    if limit_bytes <= 0:
        return admit_always

    def admit(servable: ServableId, estimate: int, held: Mapping[ServableId, int]) -> None:
        used = sum(held.values())
        if used + estimate > limit_bytes:
            raise errors.ResourceExhausted(
                f"{servable} needs about {estimate} bytes, {used} of total_model_memory_limit_bytes={limit_bytes} are "
                f"taken by {len(held)} other version(s); raise the limit or serve fewer versions"
            )

    return admit
