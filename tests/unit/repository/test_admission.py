"""The memory limit."""

from __future__ import annotations

import pytest

from seaway import errors
from seaway.repository.admission import admit_always, estimate_bytes, memory_limit
from seaway.repository.ids import ServableId

NEW, OLD = ServableId("m", 2), ServableId("m", 1)


def test_estimate_is_a_fifth_more_than_the_files() -> None:
    assert estimate_bytes(1000) == 1200
    assert estimate_bytes(1) == 2
    assert estimate_bytes(0) == 0


def test_what_fits_exactly_is_admitted() -> None:
    memory_limit(100)(NEW, 40, {OLD: 60})


def test_refusal_names_the_numbers() -> None:
    with pytest.raises(errors.ResourceExhausted) as refused:
        memory_limit(100)(NEW, 41, {OLD: 60})

    assert refused.value.message == (
        "version 2 of 'm' needs about 41 bytes, 60 of total_model_memory_limit_bytes=100 are taken by 1 other "
        "version(s); raise the limit or serve fewer versions"
    )


def test_no_limit_admits_always() -> None:
    assert memory_limit(0) is admit_always
    admit_always(NEW, 2**62, {OLD: 2**62})
