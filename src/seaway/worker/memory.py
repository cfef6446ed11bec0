"""What this process uses, as the kernel counts it.

Resident memory alone misleads: a forked worker shows TensorFlow's library in it, which all workers share. `private` is
what comes back when the process ends; `pss` shares out the rest by the number of users, so it adds up over workers.

Source: proc_pid_smaps_rollup(5).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

_KIB = 1024


@dataclass(frozen=True, slots=True)
class WorkerStats:
    """What one worker process uses."""

    rss_bytes: int
    pss_bytes: int
    private_bytes: int
    cpu_seconds: float


def own_usage() -> WorkerStats:
    """Return what the calling process uses now."""
    return parse_smaps_rollup(Path("/proc/self/smaps_rollup").read_text(), time.process_time())


def parse_smaps_rollup(text: str, cpu_seconds: float) -> WorkerStats:
    """Read the kernel's summary; a line that is missing counts as 0."""
    sizes: dict[str, int] = {}
    for line in text.splitlines()[1:]:
        name, _, rest = line.partition(":")
        number = rest.split()
        if number:
            sizes[name] = int(number[0]) * _KIB
    private = sizes.get("Private_Clean", 0) + sizes.get("Private_Dirty", 0)
    return WorkerStats(sizes.get("Rss", 0), sizes.get("Pss", 0), private, cpu_seconds)
