"""What a trial may take of the machine: pure rules, and the one reading of what there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")
_LEAST_LEFT_BYTES = 256 << 20
_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """When a trial is ended."""

    seconds: float
    memory_bytes: int
    """Of its processes together."""


def limits(timeout_s: float, max_memory_bytes: int, available_bytes: int) -> Limits:
    """Return the limits of a trial: half of the memory that is free now, or less if asked; 0 asks nothing."""
    free = int(available_bytes * _SHARE)
    return Limits(timeout_s, min(max_memory_bytes, free) if max_memory_bytes else free)


def why_end(limits: Limits, elapsed_s: float, used_bytes: int, available_bytes: int) -> str:
    """Return why a trial must end now, empty while it may go on."""
    if elapsed_s > limits.seconds:
        return f"it took longer than {limits.seconds:g} s"
    if used_bytes > limits.memory_bytes:
        return f"it took more than {limits.memory_bytes >> 20} MiB of memory"
    if available_bytes < _LEAST_LEFT_BYTES:
        return f"less than {_LEAST_LEFT_BYTES >> 20} MiB of the machine's memory were left"
    return ""


def available_bytes(cgroup: Path = _CGROUP) -> int:
    """Return the memory that can still be had: the machine's, or what the container's limit leaves."""
    machine = int(psutil.virtual_memory().available)
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return machine
    return machine if limit == "max" else min(machine, max(0, int(limit) - used))


def used_bytes(pid: int) -> int:
    """Return what a process and those it started have in memory; pages that several of them share count once each."""
    total = 0
    for process in family(pid):
        try:
            total += int(process.memory_info().rss)
        except psutil.Error:
            continue
    return total


def family(pid: int) -> list[psutil.Process]:
    """Return a process and everything it started, none when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
