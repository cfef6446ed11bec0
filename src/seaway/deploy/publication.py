"""Brings a decision on what is served to replicas, and waits until they say that they have it.

The decision is one document of the state store (`fleet/published.py`), written whole; replicas look at it by
themselves. What is written here is what an operation says; nothing is decided.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import msgspec

from seaway.clock import Clock
from seaway.deploy.observed import PublishedNow
from seaway.deploy.operations import Publish
from seaway.deploy.state import StateStore
from seaway.deploy.target import Tell
from seaway.errors import Aborted, DataLoss, DeadlineExceeded, FailedPrecondition
from seaway.fleet.published import FILE_NAME, Generation, Published
from seaway.fleet.report import Report

Reports = Callable[[], tuple[Report, ...]]
Names = Callable[[], Sequence[str]]
_POLL_S = 0.2


def read_generation(state: StateStore) -> Generation | None:
    """Return the decision in force, None when nothing was published yet.

    Raises:  DataLoss - the document is there and cannot be read.
    """
    content = state.read(FILE_NAME)
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=Generation)
    except msgspec.DecodeError as err:
        raise DataLoss(f"the published decision ({FILE_NAME}) cannot be read: {err}") from err


def published_now(state: StateStore) -> PublishedNow | None:
    """Return what `observe` says of the decision in force."""
    now = read_generation(state)
    if now is None:
        return None
    before = now.before.digest if now.first is not None else ""
    return PublishedNow(now.generation, now.published.digest, now.first, before)


def publish(state: StateStore, reports: Reports, operation: Publish, clock: Clock, tell: Tell) -> None:
    """Write the decision and wait until every replica that the operation waits for serves it.

    Raises:  Aborted - a later decision is in force; FailedPrecondition - a replica cannot serve this one, and why;
             DeadlineExceeded - one did not within the time of the operation.
    """
    write_generation(state, operation)
    wait_until_served(lambda: operation.wait, reports, operation, clock, tell)


def write_generation(state: StateStore, operation: Publish, stagger_s: float = 0.0) -> Generation:
    """Write the decision of an operation unless it is in force, and return it."""
    now = read_generation(state)
    new = Generation(operation.generation, operation.published, operation.first, _before(now, operation), stagger_s)
    if now is not None and now.generation >= new.generation:
        if now.generation == new.generation and now.published == new.published and now.first == new.first:
            return now
        raise Aborted(f"generation {now.generation} is published, so {new.generation} is no longer wanted; plan again")
    state.write(FILE_NAME, msgspec.json.encode(new))
    return new


def wait_until_served(waited_for: Names, reports: Reports, operation: Publish, clock: Clock, tell: Tell) -> None:
    """Wait until all replicas that are waited for report that they serve a generation. Raises as `publish` does.

    Their names are asked for again and again: an engine may replace a replica meanwhile by one of another name. While
    all are away, where there were some, the wait goes on.
    """
    end = clock.now() + operation.timeout_s
    told = ""
    are_expected = bool(waited_for())
    while True:
        names = waited_for()
        by_name = {report.replica: report for report in reports()}
        waiting = [name for name in names if not _serves(by_name.get(name), operation.generation)]
        if not waiting and (names or not are_expected):
            return
        for name in waiting:
            report = by_name.get(name)
            if report is not None and report.generation == operation.generation and report.problem:
                raise FailedPrecondition(f"{name} cannot serve it: {report.problem}")
        if clock.now() >= end:
            raise DeadlineExceeded(
                f"{', '.join(waiting) or 'no replica'} did not serve generation {operation.generation} within "
                f"{operation.timeout_s:g} s; `seaway logs` shows why, `server.start_timeout_s` allows more"
            )
        line = "; ".join(f"{name} {progress(by_name.get(name), operation.generation)}" for name in waiting)
        line = line or "no replica runs"
        if line != told:
            told = line
            tell(line)
        clock.wait(threading.Event(), _POLL_S)


def progress(report: Report | None, generation: int) -> str:
    """Return how far a replica is, in a few words."""
    if report is None:
        return "has not reported yet"
    if report.generation != generation:
        return f"still follows generation {report.generation}"
    loading = [f"{model} {version.version} {version.state.lower()}" for model, version in report.loading()]
    return f"loads {', '.join(loading)}" if loading else "switches"


def _serves(report: Report | None, generation: int) -> bool:
    return report is not None and report.generation == generation and report.applied


def _before(now: Generation | None, operation: Publish) -> Published:
    if operation.first is None or now is None:
        return Published()
    return now.before if now.first is not None else now.published
