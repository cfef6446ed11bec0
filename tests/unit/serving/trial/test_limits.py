"""What a trial may take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seaway.serving.trial.limits import Limits, available_bytes, family, limits, used_bytes, why_end

MIB = 1 << 20


@pytest.mark.parametrize(
    ("asked", "free", "expected"),
    [(0, 1000 * MIB, 500 * MIB), (100 * MIB, 1000 * MIB, 100 * MIB), (900 * MIB, 1000 * MIB, 500 * MIB)],
)
def test_a_trial_gets_half_of_what_is_free_or_what_was_asked(asked: int, free: int, expected: int) -> None:
    assert limits(60.0, asked, free) == Limits(60.0, expected)


@pytest.mark.parametrize(
    ("elapsed_s", "used", "free", "expected"),
    [
        (59.0, 90 * MIB, 1000 * MIB, ""),
        (61.0, 90 * MIB, 1000 * MIB, "it took longer than 60 s"),
        (1.0, 101 * MIB, 1000 * MIB, "it took more than 100 MiB of memory"),
        (1.0, 90 * MIB, 255 * MIB, "less than 256 MiB of the machine's memory were left"),
    ],
)
def test_a_trial_ends_when_it_takes_too_much(elapsed_s: float, used: int, free: int, expected: str) -> None:
    assert why_end(Limits(60.0, 100 * MIB), elapsed_s, used, free) == expected


def test_a_containers_limit_counts_where_it_is_less(tmp_path: Path) -> None:
    machine = available_bytes(tmp_path)
    assert machine > 0
    (tmp_path / "memory.max").write_text(f"{300 * MIB}\n")
    (tmp_path / "memory.current").write_text(f"{100 * MIB}\n")
    assert available_bytes(tmp_path) == 200 * MIB
    (tmp_path / "memory.max").write_text("max\n")
    assert available_bytes(tmp_path) > 200 * MIB


def test_the_memory_of_a_process_is_seen_and_a_process_that_is_gone_has_none() -> None:
    assert used_bytes(os.getpid()) > MIB
    assert family(2**22 + 1) == []
    assert used_bytes(2**22 + 1) == 0
