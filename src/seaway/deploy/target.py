"""What a place to run has to offer: one object for each kind of place, and nothing else knows Docker or Kubernetes.

A target looks and does what it is told; what to do is decided by `reconcile` (pure). It is made once for a command,
and holds the clients of its engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from seaway.deploy.observed import Observed
from seaway.deploy.operations import AnyOperation
from seaway.fleet.report import Report

Tell = Callable[[str], None]
"""Shows a person how a long operation is getting on: one short line, without the operation's own name."""


class Target(Protocol):
    """Where replicas run."""

    def observe(self) -> Observed:
        """Look at all of the deployment that is there.

        Raises:  Unavailable - the engine cannot be asked; the message says how to reach it.
        """

    def apply(self, operation: AnyOperation, tell: Tell) -> None:
        """Do one operation and return when it has happened; done again, it changes nothing.

        Raises:  SeawayError - it has not happened, and why, for a person; KeyboardInterrupt passes.
        """

    def reports(self) -> tuple[Report, ...]:
        """Return the newest report of each replica that is there."""

    def logs(self, replica: str, follow: bool, tail: int) -> Iterator[str]:
        """Yield the lines of a replica's log, the last `tail` of them first; with `follow`, go on until closed."""

    def execute(self, replica: str, command: Sequence[str]) -> int:
        """Run a command in a replica with this terminal's standard streams; return its exit code."""
