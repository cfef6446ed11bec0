"""Brings the batches of a line to their receiver, in order, again and again until it takes or refuses them."""

from __future__ import annotations

import logging
import random
import threading
from dataclasses import dataclass

from seaway.clock import Clock
from seaway.monitor.remote.decision import Fate, fate, pause_s
from seaway.monitor.remote.line import Batch, Line
from seaway.monitor.remote.receiver import Receiver
from seaway.monitor.visible import visible

log = logging.getLogger(__name__)

_IDLE_S = 1.0


@dataclass(slots=True)
class Counts:
    """Samples that were sent, samples of tries that failed (as often as they did), and samples that were given up."""

    sent: int = 0
    failed: int = 0
    dropped: int = 0


class Sender:
    """One receiver. `step` is called by one thread, `put` by another."""

    def __init__(self, receiver: Receiver, clock: Clock, draw: random.Random, line: Line | None = None) -> None:
        """Begin with nothing to send."""
        self.receiver = receiver
        self.line = line or Line()
        self.counts = Counts()
        self._clock = clock
        self._draw = draw
        self._tries = 0
        self._told = ""

    def put(self, batch: Batch) -> None:
        """Line up a batch; the oldest are dropped when there are too many."""
        self.lose(self.line.put(batch))

    def lose(self, samples: int) -> None:
        """Count samples for which there was no room."""
        if samples:
            self.counts.dropped += samples
            self._tell("full", "more waits for it than is kept; the oldest samples are dropped")

    def step(self) -> float:
        """Try the oldest batch once, and return how long to wait until the next step. Units: seconds."""
        batch = self.line.take(_IDLE_S)
        if batch is None:
            return 0.0
        answer = self.receiver.send(batch.content)
        found = fate(answer.status)
        if found is Fate.AGAIN:
            self._tries += 1
            self.counts.failed += batch.samples
            self._tell("away", f"{answer.said}; it is tried again, and what is read meanwhile waits")
            return pause_s(self._tries, answer.retry_after, self._clock.wall(), self._draw.random())
        self._tries = 0
        self.line.done()
        if found is Fate.DROPPED:
            self.counts.dropped += batch.samples
            self._tell("refused", f"{answer.said}; {batch.samples} samples are dropped, and others that it refuses")
        else:
            self.counts.sent += batch.samples
            self._mend()
        return 0.0

    def run(self, stopping: threading.Event) -> None:
        """Send until told to stop, then what still waits for as long as it is taken at once."""
        while not stopping.is_set():
            self._clock.wait(stopping, self.step())
        while self.line.pending and self.step() == 0.0:
            pass
        if self.line.pending:
            log.warning("remote write to %s: %d samples were not sent", self.receiver.name, self.line.pending)

    def _tell(self, what: str, message: str) -> None:
        # Once: who is told each time does not read it.
        if self._told != what:
            self._told = what
            log.warning("remote write to %s: %s", self.receiver.name, visible(message))

    def _mend(self) -> None:
        if self._told:
            self._told = ""
            log.info("remote write to %s works again", self.receiver.name)
