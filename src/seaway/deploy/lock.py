"""Keeps two deployers of one project apart, and says who holds the lock.

A document that exists once. Its holder renews it while it works, so that one whose machine went away is told from one
that takes long; a holder on this machine whose process is gone has left it behind.

Nobody asked for what the autoscaler does, and it is soon done: whoever else comes meanwhile waits for it instead of
being refused.
"""

from __future__ import annotations

import os
import socket
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import psutil

from seaway.clock import Clock, utc
from seaway.deploy.state import StateStore
from seaway.deploy.target import Tell
from seaway.errors import Aborted, AlreadyExists, SeawayError
from seaway.fleet.data import Data

NAME = "lock.json"
RENEW_S = 10.0
LOST_AFTER_S = 60.0
WAIT_S = 300.0
_LOOK_S = 0.5


class Holder(Data, frozen=True):
    """Who holds the lock. `process_started` keeps a reused process number apart; `is_automatic`: nobody typed it."""

    id: str
    who: str
    host: str
    process: int
    process_started: float
    command: str
    since: float
    renewed: float
    is_automatic: bool = False

    def __str__(self) -> str:
        """Return who it is, for a person: `ann@desk on desk (process 1234)`."""
        return f"{self.who} on {self.host} (process {self.process})"


class Busy(Aborted):
    """Somebody else holds the lock."""

    def __init__(self, holder: Holder) -> None:
        """Name the holder, what it does and since when."""
        super().__init__(
            f"{holder} has been busy with `{holder.command}` since {utc(holder.since)}; try again when that has ended"
        )
        self.holder = holder


def this_process(command: str, who: str, clock: Clock, *, is_automatic: bool = False) -> Holder:
    """Return this process as a holder."""
    now = clock.wall()
    started = psutil.Process().create_time()
    return Holder(uuid.uuid4().hex, who, socket.gethostname(), os.getpid(), started, command, now, now, is_automatic)


def is_left_behind(holder: Holder, host: str, is_running: bool, now: float) -> bool:
    """Tell whether a lock no longer counts. Pure; `is_running` matters for a holder on this host only."""
    if holder.host == host and not is_running:
        return True
    return now - holder.renewed > LOST_AFTER_S


def waits_for(me: Holder, holder: Holder, waited_s: float) -> bool:
    """Tell whether one who comes second waits for the holder's end, after having waited for so long. Pure."""
    return holder.is_automatic and not me.is_automatic and waited_s < WAIT_S


@contextmanager
def held(state: StateStore, me: Holder, clock: Clock, name: str = NAME, tell: Tell | None = None) -> Iterator[None]:
    """Hold the lock of a deployment, or another one by its name; `tell` is told once what is waited for.

    Raises:  Aborted - somebody else holds it, and who.
    """
    _wait_and_take(state, me, clock, name, tell)
    done = threading.Event()
    renewing = threading.Thread(target=_renew, args=(state, me, clock, done, name), name="lock", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        if _reads(state.read(name), me):
            state.remove(name)


def _wait_and_take(state: StateStore, me: Holder, clock: Clock, name: str, tell: Tell | None) -> None:
    begun, told, never = clock.now(), "", threading.Event()
    while True:
        try:
            _take(state, me, clock, name)
        except Busy as err:
            if not waits_for(me, err.holder, clock.now() - begun):
                raise
            if tell is not None and err.holder.id != told:
                tell(f"waiting for `{err.holder.command}` to end, by {err.holder}")
            told = err.holder.id
            clock.wait(never, _LOOK_S)
        else:
            return


def _take(state: StateStore, me: Holder, clock: Clock, name: str) -> None:
    content = msgspec.json.encode(me)
    try:
        state.create(name, content)
    except AlreadyExists:
        found = state.read(name)
        if found is None:
            raise Aborted("another deployer has just finished; try again") from None
        _take_over(state, _holder(found), me, clock, name)


def _take_over(state: StateStore, holder: Holder, me: Holder, clock: Clock, name: str) -> None:
    if not is_left_behind(holder, me.host, _is_running(holder), clock.wall()):
        raise Busy(holder)
    # Of several who find the same lock left behind, only one makes this document.
    claim = f"lock-{holder.id}.json"
    try:
        state.create(claim, b"{}")
    except AlreadyExists:
        raise Aborted("another deployer has taken the lock that was left behind; try again") from None
    try:
        state.write(name, msgspec.json.encode(me))
    finally:
        state.remove(claim)


def _renew(state: StateStore, me: Holder, clock: Clock, done: threading.Event, name: str = NAME) -> None:
    while not clock.wait(done, RENEW_S):
        try:
            if not _reads(state.read(name), me):
                return  # This machine slept for so long that somebody has taken it over: it is theirs now.
            state.write(name, msgspec.json.encode(msgspec.structs.replace(me, renewed=clock.wall())))
        except SeawayError:
            continue  # The next attempt may succeed; the lock counts for a minute without.


def _holder(content: bytes) -> Holder:
    try:
        return msgspec.json.decode(content, type=Holder)
    except msgspec.DecodeError as err:
        raise Aborted(f"the lock ({NAME}) cannot be read: {err}; remove it when nobody deploys") from err


def _reads(content: bytes | None, me: Holder) -> bool:
    return content is not None and _holder(content).id == me.id


def _is_running(holder: Holder) -> bool:
    try:
        return abs(psutil.Process(holder.process).create_time() - holder.process_started) < 1.0
    except psutil.Error:
        return False
