"""The lock of a deployment."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from seaway.clock import SystemClock
from seaway.deploy import lock
from seaway.deploy.lock import Holder, held, is_left_behind, this_process, waits_for
from seaway.deploy.state import StateDirectory
from seaway.errors import Aborted
from tests.support.fakes import FakeClock

HOLDER = Holder("id", "ann@desk", "desk", 1234, 5.0, "deploy", 100.0, 160.0)


@pytest.mark.parametrize(
    ("host", "is_running", "now", "left_behind"),
    [
        pytest.param("desk", True, 165.0, False, id="renewed-a-moment-ago"),
        pytest.param("desk", False, 165.0, True, id="its-process-is-gone"),
        pytest.param("other", False, 165.0, False, id="a-process-elsewhere-cannot-be-seen"),
        pytest.param("other", False, 221.0, True, id="not-renewed-for-a-minute"),
        pytest.param("desk", True, 221.0, True, id="stopped-for-a-minute"),
    ],
)
def test_whether_a_lock_counts(host: str, is_running: bool, now: float, left_behind: bool) -> None:
    assert is_left_behind(HOLDER, host, is_running, now) is left_behind


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path)


def me(command: str = "deploy") -> Holder:
    return this_process(command, "ann@desk", SystemClock())


def test_a_second_deployer_is_refused_and_told_who_holds_it(state: StateDirectory) -> None:
    first = me("rollout mnist 7")
    with held(state, first, SystemClock()):
        refusal = r"ann@desk on .* \(process \d+\) has been busy with `rollout mnist 7` since"
        with pytest.raises(Aborted, match=refusal), held(state, me(), SystemClock()):
            pass
        assert state.read(lock.NAME) is not None
    assert state.read(lock.NAME) is None
    with held(state, me(), SystemClock()):
        pass


def test_the_lock_of_a_process_that_is_gone_is_taken_over_once(state: StateDirectory) -> None:
    gone = structs.replace(me(), process_started=1.0)
    state.write(lock.NAME, msgspec.json.encode(gone))
    with held(state, me(), SystemClock()):
        found = state.read(lock.NAME)
        assert found is not None
        assert msgspec.json.decode(found, type=Holder).id != gone.id
    assert list(state.directory.iterdir()) == []


def test_of_two_that_find_it_left_behind_one_is_refused(state: StateDirectory) -> None:
    gone = structs.replace(me(), process_started=1.0)
    state.write(lock.NAME, msgspec.json.encode(gone))
    state.create(f"lock-{gone.id}.json", b"{}")
    refusal = "another deployer has taken the lock that was left behind"
    with pytest.raises(Aborted, match=refusal), held(state, me(), SystemClock()):
        pass


@pytest.mark.parametrize(
    ("mine", "holders", "waited_s", "waits"),
    [
        pytest.param(False, True, 0.0, True, id="a-command-waits-for-the-autoscaler"),
        pytest.param(False, True, 300.0, False, id="not-for-ever"),
        pytest.param(False, False, 0.0, False, id="a-command-is-refused-while-another-runs"),
        pytest.param(True, True, 0.0, False, id="the-autoscaler-looks-again-instead"),
        pytest.param(True, False, 0.0, False, id="the-autoscaler-does-not-wait-for-a-command"),
    ],
)
def test_who_waits_for_whom(mine: bool, holders: bool, waited_s: float, waits: bool) -> None:
    first, second = (structs.replace(HOLDER, is_automatic=automatic) for automatic in (holders, mine))
    assert waits_for(second, first, waited_s) is waits


def test_what_the_autoscaler_does_is_waited_for_and_told_once(state: StateDirectory) -> None:
    clock = FakeClock()
    scaling = this_process("autoscale 2", "ann@desk", SystemClock(), is_automatic=True)
    state.write(lock.NAME, msgspec.json.encode(scaling))
    told: list[str] = []
    begun = clock.now()

    def ends_after_two_looks() -> None:
        if clock.now() == begun + 2 * lock._LOOK_S:
            state.remove(lock.NAME)

    clock.on_wait = ends_after_two_looks
    with held(state, me(), clock, tell=told.append):
        assert told == [f"waiting for `autoscale 2` to end, by {scaling}"]


def test_one_that_is_waited_for_in_vain_is_named(state: StateDirectory) -> None:
    clock = FakeClock()
    scaling = this_process("autoscale 2", "ann@desk", clock, is_automatic=True)

    def renewed() -> None:
        clock.advance(lock.LOST_AFTER_S / 2)
        state.write(lock.NAME, msgspec.json.encode(structs.replace(scaling, renewed=clock.wall())))

    renewed()
    clock.on_wait = renewed
    with pytest.raises(Aborted, match="has been busy with `autoscale 2`"), held(state, me(), clock):
        pass
    assert clock.now() >= lock.WAIT_S


def test_a_failure_gives_the_lock_back(state: StateDirectory) -> None:
    with pytest.raises(KeyboardInterrupt), held(state, me(), SystemClock()):
        raise KeyboardInterrupt
    assert state.read(lock.NAME) is None


def test_a_lock_that_was_taken_over_is_not_taken_back(state: StateDirectory) -> None:
    clock, mine = FakeClock(), me()
    theirs = structs.replace(mine, id="theirs", who="bob@other")
    waits = []

    def somebody_takes_it_over() -> None:
        waits.append(state.write(lock.NAME, msgspec.json.encode(theirs)))
        assert len(waits) == 1, "who has lost the lock renews it no more"

    clock.on_wait = somebody_takes_it_over
    lock._renew(state, mine, clock, threading.Event())
    assert state.read(lock.NAME) == msgspec.json.encode(theirs)
