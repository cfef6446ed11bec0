"""The kernel's summary of what a process uses."""

from __future__ import annotations

from seaway.worker.memory import WorkerStats, own_usage, parse_smaps_rollup

ROLLUP = """\
00400000-7ffe00000000 ---p 00000000 00:00 0    [rollup]
Rss:              128496 kB
Pss:               73001 kB
Pss_Anon:          20000 kB
Shared_Clean:      90000 kB
Private_Clean:      1024 kB
Private_Dirty:     18432 kB
"""


def test_private_memory_is_clean_and_dirty_together() -> None:
    stats = parse_smaps_rollup(ROLLUP, 1.5)
    assert stats == WorkerStats(128496 * 1024, 73001 * 1024, 19456 * 1024, 1.5)


def test_lines_that_are_missing_count_as_nothing() -> None:
    assert parse_smaps_rollup("head\n", 0.0) == WorkerStats(0, 0, 0, 0.0)


def test_this_process_uses_memory() -> None:
    assert own_usage().rss_bytes > 1024 * 1024
