"""What the processes of a server use: memory and processor time, as the kernel counts them.

A server is its data plane, a fork server with TensorFlow's library mapped, and one worker per loaded version, forked
from it. Resident memory counts the shared library once per process; `pss` shares it out, so that it adds up; `private`
is what the end of the process would give back.

Source: proc_pid_smaps_rollup(5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from seaway.worker.memory import parse_smaps_rollup


@dataclass(frozen=True, slots=True)
class Usage:
    """One process, or several added up."""

    rss_bytes: int
    pss_bytes: int
    private_bytes: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Member:
    """One process of a server."""

    role: str
    pid: int
    usage: Usage


def members(server_pid: int, workers: Mapping[int, str]) -> list[Member]:
    """Every process of a server, the server itself first; `workers` names those that hold a version.

    One that ends meanwhile is left out.
    """
    server = psutil.Process(server_pid)
    found = []
    for process in [server, *server.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            found.append(_member(process, server_pid, workers))
    return found


def total(of: Iterable[Member]) -> Usage:
    """The sum."""
    usages = [asdict(member.usage) for member in of]
    return Usage(*(sum(usage[name] for usage in usages) for name in Usage.__slots__))


def _member(process: psutil.Process, server_pid: int, workers: Mapping[int, str]) -> Member:
    times = process.cpu_times()
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    measured = parse_smaps_rollup(text, times.user + times.system)
    usage = Usage(measured.rss_bytes, measured.pss_bytes, measured.private_bytes, measured.cpu_seconds)
    role = "plane and manager" if process.pid == server_pid else workers.get(process.pid, "fork server")
    return Member(role, process.pid, usage)
