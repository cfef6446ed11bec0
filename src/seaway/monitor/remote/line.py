"""Batches that wait for one receiver, in the order in which they were read; the oldest go when there are too many.

Bounded in bytes: a receiver that is away for long costs memory that is known beforehand, and never a look.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

MOST_BYTES = 64 * 1024 * 1024


class Batch(NamedTuple):
    """A compressed request, and how many samples it is."""

    content: bytes
    samples: int


class Line:
    """One thread puts, one takes. What is taken waits until `done` says what became of it."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        """Begin empty."""
        self._most_bytes = most_bytes
        self._waiting: deque[Batch] = deque()
        self._in_hand: Batch | None = None
        self._bytes = 0
        self._samples = 0
        self._is_ending = False
        self._changed = threading.Condition()

    @property
    def pending(self) -> int:
        """How many samples wait."""
        return self._samples

    def put(self, batch: Batch) -> int:
        """Append a batch, and return how many samples of the oldest had to go for it."""
        dropped = 0
        with self._changed:
            self._waiting.append(batch)
            self._count(batch, 1)
            while self._bytes > self._most_bytes and self._waiting:
                oldest = self._waiting.popleft()
                self._count(oldest, -1)
                dropped += oldest.samples
            self._changed.notify()
        return dropped

    def take(self, timeout_s: float) -> Batch | None:
        """Return the oldest, or the one in hand; None when there is none in that time."""
        with self._changed:
            if self._in_hand is None:
                self._changed.wait_for(lambda: bool(self._waiting) or self._is_ending, timeout_s)
                self._in_hand = self._waiting.popleft() if self._waiting else None
            return self._in_hand

    def done(self) -> None:
        """Let go of the one in hand."""
        with self._changed:
            if self._in_hand is not None:
                self._count(self._in_hand, -1)
                self._in_hand = None

    def end(self) -> None:
        """Let nobody wait for more to come."""
        with self._changed:
            self._is_ending = True
            self._changed.notify()

    def _count(self, batch: Batch, sign: int) -> None:
        self._bytes += sign * len(batch.content)
        self._samples += sign * batch.samples
