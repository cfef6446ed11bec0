"""The manager brings what is served in line with what is aspired, one decision at a time.

It is a loop without threads of its own. Everything that happens (versions aspired, a load finished, a worker died,
shutdown) is an event in a queue; `tick` takes the events, asks the pure functions what follows, begins it on the
executor and says when it wants to be called again. So a test steps it by hand, with virtual time and work that runs
inline, and the server runs the very same code from one thread.

The manager decides nothing itself: `policy` and `agenda` say what to load and unload, `retry` when to try again,
`places` how many at once, `admission` whether it fits, `record` what is still needed. Every load and unload has a time
limit, and a model whose load hangs holds a place for `patience_s` only.

Source: tensorflow_serving/core/{aspired_versions_manager,basic_manager,loader_harness}.{h,cc}.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeAlias

from seaway import errors
from seaway.clock import Clock
from seaway.repository import agenda, retry
from seaway.repository.admission import Admit, admit_always, estimate_bytes
from seaway.repository.event_bus import EventBus
from seaway.repository.executor import Executor
from seaway.repository.ids import ServableId
from seaway.repository.loader import Loader, LoaderFactory
from seaway.repository.options import ManagerOptions, RetryOptions
from seaway.repository.places import busy_since, ends_at_s, free_places, next_due_s
from seaway.repository.policy import AspiredVersionPolicy, AvailabilityPreservingPolicy
from seaway.repository.record import Record, is_needed, must_begin_anew
from seaway.repository.records import Records
from seaway.repository.snapshot import ManagerSnapshot
from seaway.repository.source import AspiredVersion
from seaway.repository.states import ServableState, State

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Collaborators:
    """Whom the manager works with."""

    loaders: LoaderFactory
    executor: Executor
    clock: Clock
    wake: Callable[[], None] = lambda: None
    """Called from any thread when there is an event to take."""
    policy: AspiredVersionPolicy = field(default_factory=AvailabilityPreservingPolicy)
    admit: Admit = admit_always
    bus: EventBus[ServableState] = field(default_factory=EventBus)


@dataclass(frozen=True, slots=True)
class _Aspired:
    model: str
    versions: tuple[AspiredVersion, ...]


@dataclass(frozen=True, slots=True)
class _Ended:
    """A load or an unload came to its end."""

    id: ServableId
    attempt: int
    error: errors.SeawayError | None


@dataclass(frozen=True, slots=True)
class _Died:
    id: ServableId
    attempt: int
    error: errors.SeawayError


@dataclass(frozen=True, slots=True)
class _Shutdown:
    """The server ends."""


_Event: TypeAlias = _Aspired | _Ended | _Died | _Shutdown


class AspiredVersionsManager:
    """Holds the records of all versions; `tick` is for one thread, everything else for any."""

    def __init__(self, options: ManagerOptions, retries: RetryOptions, work: Collaborators) -> None:
        """Manage nothing yet."""
        self._options = options
        self._retries = retries
        self._work = work
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._records = Records(work.bus)
        self._is_shutting_down = False
        self._is_initial = True

    def set_aspired(self, model: str, versions: Sequence[AspiredVersion]) -> None:
        """Say which versions of one model should be served; none means the model should go."""
        self._post(_Aspired(model, tuple(versions)))

    def shut_down(self) -> None:
        """Begin to unload everything; `has_shut_down` tells when that is done."""
        self._post(_Shutdown())

    def snapshot(self) -> ManagerSnapshot:
        """Return all models as of the latest change."""
        return self._records.snapshot()

    def has_shut_down(self) -> bool:
        """Tell whether shutting down has begun and every version has ended."""
        versions = (each for model in self.snapshot().values() for each in model.versions)
        return self._is_shutting_down and all(each.state.state is State.END for each in versions)

    def tick(self) -> float | None:
        """Take what happened, begin what follows; return the seconds until something is due, None when nothing is."""
        while True:
            self._take_events()
            now = self._work.clock.now()
            self._expire(now)
            self._let_go(now)
            self._begin_unloads(now)
            self._begin_loads(now)
            if self._events.empty():
                break
        self._is_initial = self._is_initial and not self._has_tried_all()
        self._records.prune(self._options.ended_versions_kept, self._options.ended_versions_kept_in_all)
        return next_due_s(self._work.clock.now(), self._records, self._options)

    # Events.

    def _post(self, event: _Event) -> None:
        self._events.put(event)
        self._work.wake()

    def _take_events(self) -> None:
        while True:
            try:
                event = self._events.get_nowait()
            except Empty:
                return
            match event:
                case _Aspired():
                    self._on_aspired(event)
                case _Ended():
                    self._on_ended(event)
                case _Died():
                    self._on_died(event)
                case _Shutdown():
                    self._on_shutdown()

    def _on_aspired(self, event: _Aspired) -> None:
        if self._is_shutting_down:
            return
        wanted = {version.id for version in event.versions}
        for record in self._records.of(event.model):
            record.is_aspired = record.is_aspired and record.id in wanted
        for version in event.versions:
            known = self._records.find(version.id)
            if known is None or must_begin_anew(known, version):
                self._records.add(Record(version, attempt=known.attempt if known else 0))
                continue
            if known.version.path != version.path and known.loader is not None:
                log.warning("%s stays loaded from %s; give new files a new number", known.id, known.version.path)
            known.version, known.is_aspired = version, True
        self._records.refresh(event.model)

    def _on_ended(self, event: _Ended) -> None:
        record = self._records.current(event.id, event.attempt)
        if record is None:
            return
        if record.state is State.UNLOADING:
            if event.error:
                log.error("unloading %s: %s", record.id, event.error)
            self._end(record, None)
            self._give_refused_another_chance()
        elif event.error:
            self._on_load_failed(record, event.error)
        else:
            self._on_loaded(record)

    def _on_loaded(self, record: Record) -> None:
        record.available_since_s = self._work.clock.now()
        record.failures = record.failures if record.is_restarting else 0
        record.is_restarting = False
        self._records.move(record, State.AVAILABLE)

    def _on_load_failed(self, record: Record, error: errors.SeawayError) -> None:
        record.failures += 1
        pause_s = retry.load_pause_s(record.failures, error.code, self._retries)
        if record.is_restarting and retry.may_pass(error.code):
            pause_s = retry.restart_pause_s(record.failures, self._retries)
        if pause_s is None:
            log.error("%s cannot be loaded: %s", record.id, error)
            self._end(record, error)
            return
        log.warning("%s could not be loaded, next try in %g s: %s", record.id, pause_s, error)
        self._pause(record, error, pause_s)

    def _on_died(self, event: _Died) -> None:
        record = self._records.current(event.id, event.attempt)
        if record is None or record.state is not State.AVAILABLE:
            return
        lived_s = self._work.clock.now() - record.available_since_s
        record.failures = retry.deaths_in_a_row(record.failures, lived_s, self._retries)
        record.is_restarting = True
        self._discard(record)
        if not is_needed(record, self._records.of(record.id.name)):
            self._end(record, event.error)
            return
        pause_s = retry.restart_pause_s(record.failures, self._retries)
        log.error("the worker of %s is gone, a new one starts in %g s: %s", record.id, pause_s, event.error)
        self._pause(record, event.error, pause_s)

    def _on_shutdown(self) -> None:
        self._is_shutting_down = True
        for record in self._records:
            record.is_aspired = False

    def _give_refused_another_chance(self) -> None:
        """Try again what did not fit, now that something has gone."""
        for record in self._records:
            did_not_fit = isinstance(record.error, errors.ResourceExhausted)
            if record.state is State.END and record.is_aspired and did_not_fit:
                record.failures = 0
                self._records.move(record, State.START)

    # Steps of a tick.

    def _expire(self, now: float) -> None:
        for record in self._records:
            end_s = ends_at_s(record, self._options)
            if end_s is None or end_s > now:
                continue
            if record.state is State.LOADING:
                self._discard(record)
                self._on_load_failed(record, _too_slow(record, self._options.load_timeout_s))
            else:
                log.error("unloading %s took longer than %g s", record.id, self._options.unload_timeout_s)
                self._end(record, None)

    def _let_go(self, now: float) -> None:
        """Take back what no longer leads anywhere, and give a new life to what ended and is aspired again."""
        for records in self._records.models():
            model_is_wanted = any(record.is_aspired for record in records)
            for record in records:
                if record.state is State.END and record.is_aspired and record.error is None:
                    self._records.move(record, State.START)
                elif record.state is State.START and not record.is_aspired:
                    self._end(record, None)
                elif record.is_waiting and not is_needed(record, records):
                    self._end(record, record.error)
                elif record.is_loading_now and not model_is_wanted:
                    self._begin_unload(record, now, "no version of the model is aspired any more")

    def _begin_unloads(self, now: float) -> None:
        limit = len(list(self._records)) if self._is_shutting_down else self._options.num_unload_threads
        begun = busy_since(self._records, State.UNLOADING)
        places = free_places(now, begun, limit, self._options.patience_s)
        for action in agenda.unloads(self._records.models(), self._work.policy)[:places]:
            self._begin_unload(self._records.at(action.id), now, action.cause)

    def _begin_loads(self, now: float) -> None:
        options = self._options
        limit = max(options.num_load_threads, options.initial_load_threads if self._is_initial else 0)
        places = free_places(now, busy_since(self._records, State.LOADING), limit, options.patience_s)
        for record in agenda.loads(self._records.models(), self._work.policy, now):
            if places <= 0:
                return
            places -= self._begin_load(record, now)

    def _begin_load(self, record: Record, now: float) -> int:
        """Begin a load; return the places it takes."""
        held = {each.id: each.held_bytes() for each in self._records if each is not record and each.held_bytes()}
        try:
            self._work.admit(record.id, estimate_bytes(record.version.size_bytes), held)
        except errors.SeawayError as err:
            log.error("%s is not loaded: %s", record.id, err)
            self._end(record, err)
            return 0
        record.attempt += 1
        record.due_s = None
        self._records.move(record, State.LOADING, record.error, now)
        try:
            record.loader = self._work.loaders(record.version, partial(self._report_death, record.id, record.attempt))
        except Exception as err:
            self._on_load_failed(record, _unexpected(err))
            return 0
        self._submit("load", record, record.loader.load)
        return 1

    def _begin_unload(self, record: Record, now: float, cause: str) -> None:
        assert record.loader is not None, f"{record.id} is {record.state.name} and has no loader"
        log.info("unloading %s: %s", record.id, cause)
        record.attempt += 1
        self._records.move(record, State.UNLOADING, busy_since_s=now)
        self._submit("unload", record, record.loader.unload)

    # What the steps are made of.

    def _submit(self, verb: str, record: Record, work: Callable[[], None]) -> None:
        report = partial(self._report_end, record.id, record.attempt)
        self._work.executor.submit(f"{verb} {record.id}", partial(_run, work, report))

    def _report_end(self, servable: ServableId, attempt: int, error: errors.SeawayError | None) -> None:
        self._post(_Ended(servable, attempt, error))

    def _report_death(self, servable: ServableId, attempt: int, error: errors.SeawayError) -> None:
        self._post(_Died(servable, attempt, error))

    def _pause(self, record: Record, error: errors.SeawayError, pause_s: float) -> None:
        record.due_s = self._work.clock.now() + pause_s
        record.loader = None
        self._records.move(record, State.LOADING, error)

    def _end(self, record: Record, error: errors.SeawayError | None) -> None:
        record.loader, record.due_s, record.is_restarting = None, None, False
        record.attempt += 1
        self._records.move(record, State.END, error)

    def _discard(self, record: Record) -> None:
        """Give up the current attempt: what is left of it is taken down, and nothing it says counts any more."""
        record.attempt += 1
        loader, record.loader = record.loader, None
        if loader is not None:
            self._work.executor.submit(f"discard {record.id}", partial(_take_down, loader, record.id))

    def _has_tried_all(self) -> bool:
        records = list(self._records)
        return bool(records) and all(each.state is not State.START and not each.is_loading_now for each in records)


def _run(work: Callable[[], None], report: Callable[[errors.SeawayError | None], None]) -> None:
    try:
        work()
    except Exception as err:
        report(_unexpected(err))
    else:
        report(None)


def _unexpected(err: Exception) -> errors.SeawayError:
    """Return a failure of ours as it is, any other as an internal error whose details are in the log only."""
    if isinstance(err, errors.SeawayError):
        return err
    log.error("a load or unload failed unexpectedly", exc_info=err)
    return errors.Internal(f"unexpected {type(err).__name__}; the server's log has the details")


def _take_down(loader: Loader, servable: ServableId) -> None:
    try:
        loader.unload()
    except Exception:
        log.exception("what was left of %s could not be taken down", servable)


def _too_slow(record: Record, timeout_s: float) -> errors.SeawayError:
    return errors.DeadlineExceeded(
        f"loading {record.id} took longer than load_timeout_s={timeout_s:g}; raise it if the model is that slow to load"
    )
