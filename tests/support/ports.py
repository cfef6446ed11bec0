"""TCP ports for programs that cannot pick one themselves.

A port that the kernel calls free may be given to anybody's next connection. These come from below the range that the
kernel gives away, each process of a run has a part of it to itself, and none is handed out twice.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator

FIRST, LAST = 10_000, 32_000
PROCESSES = 16


def part_of(worker: str) -> range:
    """The ports of one process of a run: pytest-xdist calls them gw0, gw1, and so on; alone it has no name."""
    number = int(worker.removeprefix("gw") or PROCESSES - 1) % PROCESSES
    size = (LAST - FIRST) // PROCESSES
    return range(FIRST + number * size, FIRST + (number + 1) * size)


def is_free(port: int) -> bool:
    """Whether nobody listens at a port of loopback, or of any address."""
    with socket.socket() as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
        return True


def _candidates() -> Iterator[int]:
    ports = part_of(os.environ.get("PYTEST_XDIST_WORKER", ""))
    # Two runs at a time on one machine begin at different places.
    begin = random.SystemRandom().randrange(len(ports))
    yield from ports[begin:]
    yield from ports[:begin]


_remaining = _candidates()


def free_port() -> int:
    """A port that nobody listens at, and that this process has not handed out before.

    Raises: RuntimeError - this process has handed out all of its ports.
    """
    for port in _remaining:
        if is_free(port):
            return port
    raise RuntimeError("every port of this test process was handed out; see tests/support/ports.py")
