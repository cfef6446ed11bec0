"""Brings messages to channels: one bounded queue and one thread for each, so that no channel waits for another.

What happens to a message after an attempt, and which is next, is decided in decision.py; this module only acts.
Queues are in memory: what is queued when the process is killed is lost, what is queued at `stop` becomes a dead letter.
A message that is retried at the wrong moment may arrive twice; none is dropped without a dead letter.
"""

from __future__ import annotations

import logging
import random
import threading
import uuid
from bisect import insort
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import msgspec

from seaway.clock import Clock
from seaway.errors import InvalidArgument, NotFound, SeawayError, Unknown
from seaway.monitor.notify.channels import Channel
from seaway.monitor.notify.dead_letters import DeadLetter, DeadLetters, Delivery
from seaway.monitor.notify.decision import Again, Dead, RetryPolicy, Turn, what_next, whose_turn
from seaway.monitor.notify.message import Notice, safe

log = logging.getLogger(__name__)

QUEUE_LIMIT = 100
RECORDS_KEPT = 200
STOP_TIMEOUT_S = 5.0
MAX_ERROR_CHARS = 500


class Record(msgspec.Struct, frozen=True):
    """One attempt, or one end without an attempt, as a page shows it; `at` is seconds since the epoch."""

    delivery: str
    channel: str
    title: str
    at: float
    outcome: Literal["sent", "failed", "dead"]
    tries: int
    error: str = ""


class Deliveries:
    """The channels with their queues, the dead letters and the last attempts; any thread may ask."""

    def __init__(  # noqa: PLR0913 - each is one thing that a test replaces
        self,
        channels: Iterable[Channel],
        dead_letters: DeadLetters,
        clock: Clock,
        rng: random.Random,
        *,
        policy: RetryPolicy | None = None,
        queue_limit: int = QUEUE_LIMIT,
    ) -> None:
        """Make a queue for each channel; nothing is sent before `start`.

        Raises:  InvalidArgument - two channels have one name, or the limit is below 1.
        """
        if queue_limit < 1:
            raise InvalidArgument(f"the limit of a queue is {queue_limit}; it must be at least 1")
        self._dead = dead_letters
        self._clock = clock
        self._records: deque[Record] = deque(maxlen=RECORDS_KEPT)
        self._lanes: dict[str, _Lane] = {}
        for channel in channels:
            if channel.name in self._lanes:
                raise InvalidArgument(f"two channels are named {safe(channel.name)!r}; a name belongs to one")
            attempt = _Attempts(channel, clock, rng, policy or RetryPolicy())
            self._lanes[channel.name] = _Lane(attempt, clock, queue_limit, self._note, self._bury)

    def start(self) -> None:
        """Begin to send."""
        for lane in self._lanes.values():
            lane.start()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Send nothing more, wait for what is on its way for so long in all, and bury what is left."""
        for lane in self._lanes.values():
            lane.end()
        end = self._clock.now() + timeout_s
        for lane in self._lanes.values():
            lane.join(max(0.0, end - self._clock.now()))
        left = [delivery for lane in self._lanes.values() for delivery in lane.leave()]
        self._bury(left, "Seaway stopped before this was sent")

    def send(
        self, title: str, body: str, notices: Sequence[Notice], channels: Collection[str] | None = None
    ) -> tuple[str, ...]:
        """Queue a message for those channels, None for all, and return at once with an id for each.

        The oldest message of a queue that is full becomes a dead letter, and so does one for a channel that there is
        not: an alert must not get lost by a name in a rule that is wrong.
        """
        ids = []
        for name in self._lanes if channels is None else dict.fromkeys(channels):
            delivery = Delivery(uuid.uuid4().hex, name, title, body, tuple(notices), self._clock.wall())
            ids.append(delivery.id)
            lane = self._lanes.get(name)
            if lane is None:
                self._bury([delivery], f"there is no channel {safe(name)!r}")
            else:
                lane.offer(delivery)
        return tuple(ids)

    def test(self, name: str, title: str, body: str, notices: Sequence[Notice]) -> None:
        """Send once in the caller's thread, past the queue, and record it.

        Raises:
            NotFound: there is no such channel.
            SeawayError: the channel did not take it.
        """
        lane = self._lanes.get(name)
        if lane is None:
            raise NotFound(f"there is no channel {safe(name)!r}; there are {', '.join(self._lanes) or 'none'}")
        delivery = Delivery(uuid.uuid4().hex, name, title, body, tuple(notices), self._clock.wall(), tries=1)
        try:
            lane.attempts.channel.send(title, body, notices)
        except Exception as err:
            self._note(delivery, "failed", str(err))
            raise
        self._note(delivery, "sent", "")

    def turn(self, name: str) -> bool:
        """Act once for a channel: send what is due, or wait until something is; False when there is nothing to do.

        The threads do nothing else; a test in virtual time calls it instead of `start`.
        """
        return self._lanes[name].turn()

    def queued(self) -> dict[str, int]:
        """Return how many messages wait, or are on their way, by channel."""
        return {name: lane.size() for name, lane in self._lanes.items()}

    def records(self) -> tuple[Record, ...]:
        """Return the last attempts of all channels, the newest first."""
        return tuple(reversed(self._records.copy()))

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Return what could not be sent, the oldest first."""
        return self._dead.all()

    def retry(self, ids: Collection[str] | None = None) -> int:
        """Queue dead letters anew, None for all, and return how many; those without channel or room stay dead."""
        room = {name: lane.room() for name, lane in self._lanes.items()}

        def is_wanted(letter: DeadLetter) -> bool:
            channel = letter.delivery.channel
            if (ids is not None and letter.delivery.id not in ids) or room.get(channel, 0) <= 0:
                return False
            room[channel] -= 1
            return True

        taken = self._dead.take(is_wanted)
        for letter in taken:
            self._lanes[letter.delivery.channel].offer(msgspec.structs.replace(letter.delivery, tries=0))
        return len(taken)

    def clear(self, ids: Collection[str] | None = None) -> int:
        """Forget dead letters, None for all, and return how many."""
        return len(self._dead.take(lambda letter: ids is None or letter.delivery.id in ids))

    def _note(self, delivery: Delivery, outcome: Literal["sent", "failed", "dead"], error: str) -> None:
        now = self._clock.wall()
        shown = safe(error, MAX_ERROR_CHARS)
        self._records.append(Record(delivery.id, delivery.channel, delivery.title, now, outcome, delivery.tries, shown))

    def _bury(self, deliveries: Sequence[Delivery], reason: str) -> None:
        if not deliveries:
            return
        shown = safe(reason, MAX_ERROR_CHARS)
        now = self._clock.wall()
        for delivery in deliveries:
            self._note(delivery, "dead", reason)
            log.warning("an alert could not be sent to %s: %s", safe(delivery.channel), shown)
        self._dead.add(*(DeadLetter(delivery, now, shown) for delivery in deliveries))


@dataclass(frozen=True)
class _Attempts:
    channel: Channel
    clock: Clock
    rng: random.Random
    policy: RetryPolicy

    def make(self, delivery: Delivery) -> Exception | None:
        try:
            self.channel.send(delivery.title, delivery.body, delivery.notices)
        except SeawayError as err:
            return err
        except Exception as err:  # Whatever a channel does wrong, its thread goes on.
            return Unknown(f"{type(err).__name__}: {err}")
        return None


@dataclass(order=True, frozen=True)
class _Waiting:
    number: int
    delivery: Delivery = field(compare=False)
    due_at: float = field(compare=False)


class _Lane:
    """One channel's queue and thread; `number` keeps the order in which messages came."""

    def __init__(
        self,
        attempts: _Attempts,
        clock: Clock,
        limit: int,
        note: Callable[[Delivery, Literal["sent", "failed", "dead"], str], None],
        bury: Callable[[Sequence[Delivery], str], None],
    ) -> None:
        self.attempts = attempts
        self._clock = clock
        self._limit = limit
        self._note = note
        self._bury = bury
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._sending: _Waiting | None = None
        self._number = 0
        self._is_ended = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            # A channel that hangs must not keep the process alive.
            name = f"notify-{self.attempts.channel.name}"
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    def join(self, timeout_s: float) -> None:
        if self._thread is not None:
            self._thread.join(timeout_s)

    def leave(self) -> list[Delivery]:
        """Give away everything, also what is on its way: when that comes back, nobody takes it into account."""
        with self._changed:
            left = [*([self._sending] if self._sending else []), *self._waiting]
            self._sending = None
            self._waiting.clear()
            return [each.delivery for each in left]

    def offer(self, delivery: Delivery) -> None:
        dropped, reason = None, ""
        with self._changed:
            if self._is_ended:
                dropped, reason = delivery, "Seaway stopped before this was sent"
            else:
                if len(self._waiting) >= self._limit:
                    dropped, reason = self._waiting.pop(0).delivery, f"{self._limit} newer messages were waiting"
                self._number += 1
                self._waiting.append(_Waiting(self._number, delivery, self._clock.now()))
                self._changed.notify_all()
        if dropped is not None:
            self._bury([dropped], reason)

    def size(self) -> int:
        with self._changed:
            return len(self._waiting) + (self._sending is not None)

    def room(self) -> int:
        with self._changed:
            return 0 if self._is_ended else self._limit - len(self._waiting)

    def turn(self) -> bool:
        with self._changed:
            if self._is_ended or not self._waiting:
                return False
            turns = [Turn(each.delivery.group, each.due_at) for each in self._waiting]
            index, pause_s = whose_turn(turns, self._clock.now())
            if index is None:
                self._clock.wait(self._changed, pause_s)
                return True
            taken = self._waiting.pop(index)
            tried = msgspec.structs.replace(taken.delivery, tries=taken.delivery.tries + 1)
            self._sending = sending = replace(taken, delivery=tried)
        self._settle(sending, self.attempts.make(tried))
        return True

    def _settle(self, sending: _Waiting, failure: Exception | None) -> None:
        delivery = sending.delivery
        step = what_next(self.attempts.policy, delivery.tries, failure, self.attempts.rng.random())
        with self._changed:
            if self._sending is not sending:
                return  # `leave` has given it away.
            if isinstance(step, Again):
                insort(self._waiting, replace(sending, due_at=self._clock.now() + step.wait_s))
            self._sending = None
        if isinstance(step, Dead):
            self._bury([delivery], step.reason)
        else:
            self._note(delivery, "failed" if failure else "sent", str(failure or ""))

    def _run(self) -> None:
        while not self._is_ended:
            if not self.turn():
                with self._changed:
                    if not self._waiting and not self._is_ended:
                        self._clock.wait(self._changed, None)
