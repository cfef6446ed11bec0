"""A running monitor: one thread that looks at servers, keeps what it sees, and looks at the rules; again and again.

Whatever fails in a round is told once, counted, and tried again in the next: a server that is down, a disk that is
full and a rule that cannot be answered cost nothing but themselves.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seaway.clock import Clock
from seaway.errors import ResourceExhausted, SeawayError
from seaway.monitor.alerts.book import AlertBook
from seaway.monitor.alerts.history import HISTORY_STOPPED, STOPPED_METRIC, Stopped, held
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.alerts.telling import Teller
from seaway.monitor.collect.collector import Collector, Fetch, Look
from seaway.monitor.collect.host import gauge
from seaway.monitor.collect.targets import Discovery
from seaway.monitor.place import STORE_FILE
from seaway.monitor.point import Sample
from seaway.monitor.store.store import Event, Store
from seaway.monitor.target import Target, TargetStatus
from seaway.monitor.view import AlertStatus, Delivery

log = logging.getLogger(__name__)

_ROLL_UP_EVERY_S = 10.0
_FORGET_EVERY_S = 60.0
_FORGET_SERIES_EVERY_S = 3600.0


@dataclass(frozen=True)
class Options:
    """How a monitor works. Units: seconds, bytes."""

    interval_s: float = 5.0
    timeout_s: float = 4.0
    max_bytes: int = 2 * 1024**3


Source = Callable[[int], Sequence[Sample]]
"""What is known besides the servers' own words, as of a moment in milliseconds since the Unix epoch."""
Chronicle = Callable[[float, float], Sequence[Event]]
"""What others did to the servers after one moment and until another, in seconds since the Unix epoch."""


Forward = Callable[[Look, Sequence[Sample], int], None]
"""Takes what was seen to somebody else too; must not wait for anybody. Its last argument is as `Source` has it."""


def nowhere(look: Look, beside: Sequence[Sample], at: int) -> None:
    """Take it nowhere."""


def no_events(after: float, until: float) -> Sequence[Event]:
    """Know of nothing that others did."""
    return ()


class Monitor:
    """Looks until it is stopped. Shown through `seaway.monitor.view.View`."""

    def __init__(  # noqa: PLR0913, PLR0917 - what it works with, put together by whoever starts it
        self,
        directory: Path,
        discovery: Discovery,
        fetch: Fetch,
        rules: Sequence[Rule],
        teller: Teller,
        clock: Clock,
        options: Options | None = None,
        beside: Sequence[Source] = (),
        chronicle: Chronicle = no_events,
        open_store: Callable[[Path], Store] = Store,
        forward: Forward = nowhere,
    ) -> None:
        """Open what is kept in a directory.

        Raises:  DataLoss, FailedPrecondition - the store cannot be used; says why.
        """
        self._options = options or Options()
        self._discovery = discovery
        self._clock = clock
        directory.mkdir(parents=True, exist_ok=True)
        self._store = open_store(directory / STORE_FILE)
        self._collector = Collector(fetch, clock, self._options.timeout_s)
        self._beside = beside
        self._forward = forward
        self._book = AlertBook([*rules, HISTORY_STOPPED], directory / "alerts.json")
        self._teller = teller
        self._targets: Sequence[Target] = ()
        self._chronicle = chronicle
        self._chronicled_at = clock.wall()
        self._lost = 0
        self._stopped: Stopped | None = None
        self._told: set[str] = set()
        self._rolled_at = self._forgot_at = self._forgot_series_at = clock.now()

    # What there is to see.

    @property
    def store(self) -> Store:
        """What was kept."""
        return self._store

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are looked at."""
        return self._book.rules

    def targets(self) -> tuple[TargetStatus, ...]:
        """Return the servers that are looked at, by name."""
        try:
            elsewhere = self._store.targets()
        except SeawayError as err:
            return (TargetStatus("Prometheus", "", False, err.message),)
        return self._collector.statuses() if elsewhere is None else elsewhere

    def alerts(self) -> tuple[AlertStatus, ...]:
        """Return what is pending or firing, and what was resolved within the last day, the newest first."""
        return self._book.all()

    def deliveries(self) -> tuple[Delivery, ...]:
        """Return the last tries to tell somebody, the newest first."""
        return self._teller.deliveries()

    def silence(self, rule: str, labels: tuple[tuple[str, str], ...], for_s: float, by: str) -> None:
        """Say nothing of an alert for a time; 0 ends its silence. Raises: NotFound - there is no such rule."""
        now = self._clock.wall()
        self._book.silence(rule, labels, now + for_s, by)
        text = f"silenced by {by} for {for_s:g} s" if for_s else f"its silence was ended by {by}"
        self._keep([], [Event(round(now * 1000), "alert", {**dict(labels), "rule": rule}, text)])

    # What it does.

    def run(self, stopping: threading.Event) -> None:
        """Look again and again until told to stop, then close."""
        self._teller.start()
        try:
            due = self._clock.now()
            while not stopping.is_set():
                self.round()
                # A round that took too long does not make the next ones hurry.
                due = max(due + self._options.interval_s, self._clock.now())
                self._clock.wait(stopping, due - self._clock.now())
        finally:
            self.close()

    def round(self) -> None:
        """Look once: servers, then rules, then what is old."""
        begun = self._clock.now()
        try:
            self._targets = self._discovery()
            self._mend("discovery")
        except SeawayError as err:
            self._complain("discovery", f"servers cannot be found: {err.message}; those known before are looked at")
        look = self._collector.look(self._targets)
        at = round(self._clock.wall() * 1000)
        own = [sample for source in self._beside for sample in source(at)]
        own += [
            gauge("monitor_round_seconds", self._clock.now() - begun, at),
            gauge("monitor_store_bytes", float(self._store.used_bytes()), at),
            gauge("monitor_samples_lost", float(self._lost), at),
            gauge(STOPPED_METRIC, float(self._stopped is not None), at),
        ]
        self._forward(look, own, at)
        events = [*look.events, *self._done_by_others()]
        if not self._keep([*look.samples, *own], events, look):
            self._collector.see_anew()
        self._look_at_rules()
        self._tidy()

    def close(self) -> None:
        """End what belongs to it."""
        self._teller.stop()
        self._collector.close()
        self._store.close()

    def _keep(self, samples: Sequence[Sample], events: Sequence[Event], look: Look | None = None) -> bool:
        if not samples and not events:  # Nothing always has room.
            return True
        seen = look or Look()
        try:
            self._store.append(samples, seen.changes, seen.is_whole)
            for event in events:
                self._store.note(event)
        except ResourceExhausted as err:
            self._lost += len(samples)
            self._stopped = Stopped(self._stopped.problem if self._stopped else err.message, self._lost)
            self._complain("store", f"{err.message}; nothing is kept until there is room again")
            return False
        if samples:  # An event alone is small enough to find room where no look does.
            self._stopped = None
            self._mend("store")
        return True

    def _done_by_others(self) -> Sequence[Event]:
        now = self._clock.wall()
        try:
            found = self._chronicle(self._chronicled_at, now)
        except SeawayError as err:
            self._complain("history", f"what was done to the servers cannot be read: {err.message}")
            return ()
        self._mend("history")
        self._chronicled_at = now
        return found

    def _look_at_rules(self) -> None:
        now = self._clock.wall()
        found = self._book.look(self._store, now, {HISTORY_STOPPED.name: held(self._stopped)})
        for rule in self._book.rules:
            problem = found.problems.get(rule.name)
            if problem:
                self._complain(rule.name, f"rule {rule.name} cannot be answered: {problem}")
            else:
                self._mend(rule.name)
        told = self._teller.tell(found.changes, now)
        self._keep([], told)

    def _tidy(self) -> None:
        now, wall = self._clock.now(), round(self._clock.wall() * 1000)
        try:
            if now - self._rolled_at >= _ROLL_UP_EVERY_S:
                self._rolled_at = now
                self._store.roll_up(wall)
                self._mend("tidying")
            if now - self._forgot_at >= _FORGET_EVERY_S:
                self._forgot_at = now
                self._store.forget(wall, self._options.max_bytes)
            if now - self._forgot_series_at >= _FORGET_SERIES_EVERY_S:
                self._forgot_series_at = now
                self._store.forget_series()
        except ResourceExhausted as err:
            if self._stopped is None:  # That was told.
                self._complain("tidying", f"{err.message}; what is old is summed up when there is room again")

    def _complain(self, what: str, message: str) -> None:
        if what not in self._told:
            self._told.add(what)
            log.warning("%s", message)

    def _mend(self, what: str) -> None:
        if what in self._told:
            self._told.discard(what)
            log.info("%s works again", what)
