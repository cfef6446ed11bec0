"""Takes looks from the monitor's loop, and has threads encode and send them; a look never waits for any of it."""

from __future__ import annotations

import random
import threading
from collections import deque
from collections.abc import Iterator, Sequence

from seaway.clock import Clock
from seaway.monitor.collect.collector import Look
from seaway.monitor.collect.exposition import Labels
from seaway.monitor.collect.host import gauge
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.remote.encoding import Encoder, size
from seaway.monitor.remote.line import Batch
from seaway.monitor.remote.message import compressed, request
from seaway.monitor.remote.receiver import Receiver
from seaway.monitor.remote.sender import Counts, Sender

BATCH_SERIES = 2000
_MOST_LOOKS = 4
"""Looks that wait to be encoded: more come only where the processor is too slow for all of this."""
_FLUSH_S = 5.0


class RemoteWrite:
    """All receivers, or none. Whoever makes it starts and closes it; the monitor's loop calls `take` and `samples`."""

    def __init__(self, receivers: Sequence[Receiver], clock: Clock, draw: random.Random, own: Labels) -> None:
        """Send nothing yet; `own` are labels for what the monitor says of itself.

        Raises:  FailedPrecondition - what compresses is not installed.
        """
        if receivers:
            compressed(b"")
        self._senders = [Sender(receiver, clock, draw) for receiver in receivers]
        self._told = [Counts() for _ in receivers]
        self._encoder = Encoder(own)
        self._looks: deque[tuple[Look, Sequence[Sample], int]] = deque()
        self._come = threading.Condition()
        self._is_closing = False
        self._encoded = threading.Event()
        self._encoding = threading.Thread(target=self._encode, name="remote-write", daemon=True)
        self._sending = [
            threading.Thread(target=each.run, args=(self._encoded,), name="remote-write-send", daemon=True)
            for each in self._senders
        ]

    def start(self) -> None:
        """Begin to send; without a receiver there is nothing to do."""
        for thread in (self._encoding, *self._sending) if self._sending else ():
            thread.start()

    def take(self, look: Look, beside: Sequence[Sample], at: int) -> None:
        """Take what a look found. Units: at in milliseconds since the Unix epoch."""
        if not self._senders:
            return
        with self._come:
            self._looks.append((look, beside, at))
            lost = [self._looks.popleft() for _ in range(len(self._looks) - _MOST_LOOKS)]
            self._come.notify()
        for each, others, _ in lost:
            for sender in self._senders:
                sender.lose(size(each, others))

    def samples(self, at: int) -> list[Sample]:
        """Return what became of samples since it was asked last, and how many wait."""
        found = []
        for number, sender in enumerate(self._senders):
            receiver = ("receiver", sender.receiver.name)
            now = Counts(sender.counts.sent, sender.counts.failed, sender.counts.dropped)
            before, self._told[number] = self._told[number], now
            for outcome in ("sent", "failed", "dropped"):
                added = getattr(now, outcome) - getattr(before, outcome)
                labels = (("outcome", outcome), receiver)
                if added:
                    series = Series("monitor_remote_write_samples_total", labels, Kind.COUNTER)
                    found.append(Sample(series, Point(at, float(added))))
            found.append(gauge("monitor_remote_write_pending_samples", float(sender.line.pending), at, (receiver,)))
        return found

    def close(self) -> None:
        """Encode what was taken, send what is taken at once, and end; a receiver that hangs is left behind."""
        with self._come:
            self._is_closing = True
            self._come.notify()
        if self._encoding.is_alive():
            self._encoding.join(_FLUSH_S)
        self._encoded.set()
        for sender in self._senders:
            sender.line.end()
        for thread in self._sending:
            if thread.is_alive():
                thread.join(_FLUSH_S)

    def batches(self) -> Iterator[Batch]:
        """Encode the looks that were taken, the oldest first."""
        while taken := self._oldest():
            series: list[bytes] = []
            for each in self._encoder.encode(*taken):
                series.append(each)
                if len(series) == BATCH_SERIES:
                    yield _batch(series)
                    series = []
            if series:
                yield _batch(series)

    def _oldest(self) -> tuple[Look, Sequence[Sample], int] | None:
        with self._come:
            return self._looks.popleft() if self._looks else None

    def _encode(self) -> None:
        while True:
            with self._come:
                self._come.wait_for(lambda: bool(self._looks) or self._is_closing)
            for batch in self.batches():
                for sender in self._senders:
                    sender.put(batch)
            if self._is_closing and not self._looks:
                return


def _batch(series: Sequence[bytes]) -> Batch:
    return Batch(compressed(request(series)), len(series))
