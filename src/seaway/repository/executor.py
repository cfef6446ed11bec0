"""Where blocking work runs: loads, unloads and looks at directories.

A thread each, and no fixed pool: how many run at once is the manager's decision, and a fixed pool would let a few hung
loads take every place. Threads are daemons, so that a load hanging in a driver cannot keep the server from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol


class Executor(Protocol):
    """Runs a piece of work somewhere; the work reports by itself."""

    def submit(self, name: str, work: Callable[[], None]) -> None:
        """Begin the work; `name` is for whoever looks at the process."""
        ...


class ThreadExecutor:
    """A thread for every piece of work."""

    def submit(self, name: str, work: Callable[[], None]) -> None:
        """Start the thread."""
        threading.Thread(target=work, name=name, daemon=True).start()
