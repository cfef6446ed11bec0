"""The manager, stepped by hand: obligations of aspired versions, retries, time limits, deaths and shutdown."""

from __future__ import annotations

import pytest

from seaway import errors
from seaway.repository.admission import Admit, admit_always, memory_limit
from seaway.repository.event_bus import EventBus
from seaway.repository.ids import ServableId
from seaway.repository.loader import OnFailure
from seaway.repository.manager import AspiredVersionsManager, Collaborators
from seaway.repository.options import ManagerOptions, RetryOptions
from seaway.repository.policy import AspiredVersionPolicy, AvailabilityPreservingPolicy, ResourcePreservingPolicy
from seaway.repository.source import AspiredVersion
from seaway.repository.states import ServableState, State
from tests.support.fakes import FakeClock, FakeExecutor, FakeLoader, FakeLoaders, HangingLoader, aspire, aspired

START, LOADING, AVAILABLE, UNLOADING, END = State.START, State.LOADING, State.AVAILABLE, State.UNLOADING, State.END


class World:
    """A manager in virtual time, with everything around it within reach."""

    def __init__(
        self,
        options: ManagerOptions | None = None,
        retries: RetryOptions | None = None,
        policy: AspiredVersionPolicy | None = None,
        admit: Admit = admit_always,
    ) -> None:
        self.clock = FakeClock()
        self.executor = FakeExecutor()
        self.loaders = FakeLoaders()
        self.events: list[ServableState] = []
        bus: EventBus[ServableState] = EventBus()
        bus.subscribe(self.events.append)
        work = Collaborators(
            self.loaders,
            self.executor,
            self.clock,
            policy=policy or AvailabilityPreservingPolicy(),
            admit=admit,
            bus=bus,
        )
        self.manager = AspiredVersionsManager(options or ManagerOptions(), retries or RetryOptions(), work)

    def aspire(self, *versions: int, model: str = "m") -> None:
        self.manager.set_aspired(model, aspire(model, versions))
        self.manager.tick()

    def pass_time(self, seconds: float) -> float | None:
        self.clock.advance(seconds)
        return self.manager.tick()

    def states(self, model: str = "m") -> dict[int, State]:
        snapshot = self.manager.snapshot().get(model)
        return {each.version: each.state.state for each in snapshot.versions} if snapshot else {}

    def status(self, version: int, model: str = "m") -> tuple[int, str]:
        state = next(each.state for each in self.manager.snapshot()[model].versions if each.version == version)
        return state.code, state.message

    def history(self, version: int) -> list[State]:
        return [event.state for event in self.events if event.id == ServableId("m", version)]


def m(version: int) -> ServableId:
    return ServableId("m", version)


def test_aspired_version_goes_through_its_states_to_available() -> None:
    world = World()

    world.aspire(1)

    assert world.history(1) == [START, LOADING, AVAILABLE]
    assert world.loaders.log == ["load m 1"]


def test_new_version_is_available_before_the_old_one_is_unloaded() -> None:
    world = World()
    world.aspire(1)

    world.aspire(2)

    assert world.loaders.log == ["load m 1", "load m 2", "unload m 1"]
    assert [(event.id.version, event.state) for event in world.events[3:]] == [
        (2, START),
        (2, LOADING),
        (2, AVAILABLE),
        (1, UNLOADING),
        (1, END),
    ]
    assert world.states() == {1: END, 2: AVAILABLE}


def test_unloading_is_announced_before_the_unload_begins() -> None:
    world = World()
    world.aspire(1)
    world.executor.hang("unload version 1 of 'm'")

    world.aspire()

    assert world.history(1)[-1] is UNLOADING
    assert world.loaders.log == ["load m 1"]
    world.executor.release("unload version 1 of 'm'")
    world.manager.tick()
    assert world.states() == {1: END}


def test_old_version_serves_on_when_the_new_one_fails() -> None:
    world = World()
    world.aspire(1)
    world.loaders.fail(m(2), errors.DataLoss("variables are corrupt"))

    world.aspire(2)

    assert world.states() == {1: AVAILABLE, 2: END}
    assert world.status(2) == (errors.DataLoss.code, "variables are corrupt")


def test_going_back_to_a_smaller_version_loads_it_first() -> None:
    world = World()
    world.aspire(2)

    world.aspire(1)

    assert world.loaders.log == ["load m 2", "load m 1", "unload m 2"]


def test_resource_preserving_unloads_first() -> None:
    world = World(policy=ResourcePreservingPolicy())
    world.aspire(1)

    world.aspire(2)

    assert world.loaders.log == ["load m 1", "unload m 1", "load m 2"]


def test_model_without_aspired_versions_is_unloaded() -> None:
    world = World()
    world.aspire(1, 2)

    world.aspire()

    assert world.states() == {1: END, 2: END}


def test_aspired_version_that_appears_twice_is_loaded_once() -> None:
    world = World()

    world.aspire(1)
    world.aspire(1)

    assert world.loaders.log == ["load m 1"]


def test_unaspired_then_at_once_reaspired_keeps_serving() -> None:
    world = World()
    world.aspire(1)

    world.manager.set_aspired("m", [])
    world.manager.set_aspired("m", aspire("m", [1]))
    world.manager.tick()

    assert world.states() == {1: AVAILABLE}
    assert world.loaders.log == ["load m 1"]


def test_reaspired_while_unloading_is_loaded_again_after_it() -> None:
    world = World()
    world.aspire(1)
    world.executor.hang("unload version 1 of 'm'")
    world.aspire()

    world.aspire(1)
    assert world.states() == {1: UNLOADING}
    world.executor.release("unload version 1 of 'm'")
    world.manager.tick()

    assert world.states() == {1: AVAILABLE}
    assert world.loaders.log == ["load m 1", "unload m 1", "load m 1"]


def test_new_version_that_is_unaspired_before_it_loads_never_does() -> None:
    world = World(ManagerOptions(initial_load_threads=1))
    world.executor.hang("load version 2 of 'm'")
    world.aspire(1, 2)
    assert world.states() == {1: START, 2: LOADING}

    world.aspire(2)

    assert world.states() == {1: END, 2: LOADING}
    assert "load m 1" not in world.loaders.log


def test_failed_version_reaspired_is_tried_again() -> None:
    world = World()
    world.loaders.fail(m(1), errors.NotFound("no such op"))
    world.aspire(1)
    world.aspire()

    world.aspire(1)

    assert world.states() == {1: AVAILABLE}


def test_failed_version_is_tried_again_when_its_files_change_and_only_then() -> None:
    world = World()
    world.loaders.fail(m(1), errors.DataLoss("corrupt"))
    world.manager.set_aspired("m", [aspired("m", 1, fingerprint="broken")])
    world.manager.tick()

    world.manager.set_aspired("m", [aspired("m", 1, fingerprint="broken")])
    world.manager.tick()
    assert world.states() == {1: END}

    world.manager.set_aspired("m", [aspired("m", 1, fingerprint="repaired")])
    world.manager.tick()
    assert world.states() == {1: AVAILABLE}


# Retries.


def test_failure_that_may_pass_is_retried_with_growing_pauses_and_finally_succeeds() -> None:
    world = World(retries=RetryOptions(max_num_load_retries=3))
    world.loaders.fail(m(1), errors.Unavailable("worker lost"), errors.Unavailable("worker lost again"))

    world.aspire(1)
    assert world.states() == {1: LOADING}
    assert world.status(1) == (errors.Unavailable.code, "worker lost")
    assert world.pass_time(0.5) == 0.5
    assert world.pass_time(0.5) == 2.0
    assert world.status(1) == (errors.Unavailable.code, "worker lost again")
    world.pass_time(2.0)

    assert world.states() == {1: AVAILABLE}
    assert world.status(1) == (0, "")


def test_retries_end_and_the_last_failure_stays_visible() -> None:
    world = World(retries=RetryOptions(max_num_load_retries=2))
    world.loaders.fail(m(1), *(errors.Unavailable(f"failure {n}") for n in (1, 2, 3)))
    world.aspire(1)

    world.pass_time(1.0)
    world.pass_time(2.0)

    assert world.states() == {1: END}
    assert world.status(1) == (errors.Unavailable.code, "failure 3")
    assert world.loaders.log == ["load m 1"] * 3


def test_retry_is_cancelled_when_the_version_is_no_longer_aspired() -> None:
    world = World()
    world.loaders.fail(m(1), errors.Unavailable("worker lost"))
    world.aspire(1)

    world.aspire(2)
    world.pass_time(3600.0)

    assert world.states() == {1: END, 2: AVAILABLE}
    assert world.loaders.log == ["load m 1", "load m 2"]


def test_unexpected_exception_in_a_load_is_an_internal_error_without_its_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(retries=RetryOptions(max_num_load_retries=0))
    world.loaders.fail(m(1), ZeroDivisionError("secret detail"))

    world.aspire(1)

    code, message = world.status(1)
    assert code == errors.Internal.code
    assert "secret detail" not in message
    assert "secret detail" in caplog.text


def test_loader_that_cannot_even_be_made_fails_its_own_version_only(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(retries=RetryOptions(max_num_load_retries=0))
    make = FakeLoaders.__call__

    def refuse(factory: FakeLoaders, version: AspiredVersion, on_failure: OnFailure) -> FakeLoader:
        if version.id.name == "bad":
            raise OSError("too many open files")
        return make(factory, version, on_failure)

    monkeypatch.setattr(FakeLoaders, "__call__", refuse)
    world.manager.set_aspired("bad", aspire("bad", [1]))
    world.manager.set_aspired("m", aspire("m", [1]))
    world.manager.tick()

    assert (world.states("bad"), world.states()) == ({1: END}, {1: AVAILABLE})


# Time limits, and models that must not disturb each other.


def test_load_that_hangs_is_ended_at_its_time_limit_and_tried_again() -> None:
    world = World(ManagerOptions(load_timeout_s=30.0), RetryOptions(max_num_load_retries=1))
    world.executor.hang("load version 1 of 'm'")
    world.aspire(1)

    world.pass_time(29.9)
    assert world.loaders.log == []
    world.pass_time(0.1)

    assert world.loaders.log == ["unload m 1"]
    assert world.states() == {1: LOADING}
    code, message = world.status(1)
    assert code == errors.DeadlineExceeded.code
    assert "took longer than load_timeout_s=30" in message


def test_answer_of_a_load_that_was_given_up_is_no_news() -> None:
    world = World(ManagerOptions(load_timeout_s=30.0), RetryOptions(max_num_load_retries=0))
    world.executor.hang("load version 1 of 'm'")
    world.aspire(1)
    world.pass_time(30.0)
    assert world.states() == {1: END}

    world.executor.release("load version 1 of 'm'")
    world.manager.tick()

    assert world.states() == {1: END}


def test_hanging_load_holds_its_place_for_the_patience_only() -> None:
    world = World(ManagerOptions(num_load_threads=1, initial_load_threads=1, patience_s=5.0))
    world.executor.hang("load version 1 of 'hangs'")
    world.aspire(1, model="hangs")

    world.aspire(1)
    assert world.states() == {1: START}
    assert world.pass_time(4.0) == 1.0
    world.pass_time(1.0)

    assert world.states() == {1: AVAILABLE}
    assert world.states("hangs") == {1: LOADING}


def test_unload_that_hangs_is_no_longer_waited_for() -> None:
    world = World(ManagerOptions(unload_timeout_s=10.0))
    world.aspire(1)
    world.executor.hang("unload version 1 of 'm'")
    world.aspire()

    world.pass_time(10.0)

    assert world.states() == {1: END}


def test_loads_run_in_parallel_up_to_the_limit_at_start_and_afterwards() -> None:
    world = World(ManagerOptions(num_load_threads=2, initial_load_threads=3))
    names = [f"load version 1 of 'm{n}'" for n in range(9)]
    world.executor.hang(*names)
    for n in range(4):
        world.manager.set_aspired(f"m{n}", aspire(f"m{n}", [1]))
    world.manager.tick()
    assert len(world.executor.held()) == 3

    for name in names[:4]:
        world.executor.release(name)
        world.manager.tick()
    for n in range(4, 8):
        world.manager.set_aspired(f"m{n}", aspire(f"m{n}", [1]))
    world.manager.tick()

    assert len(world.executor.held()) == 2


def test_unloads_begin_before_loads() -> None:
    world = World()
    world.aspire(1, model="leaves")
    world.manager.set_aspired("comes", aspire("comes", [1]))
    world.manager.set_aspired("leaves", [])

    world.manager.tick()

    assert world.loaders.log == ["load leaves 1", "unload leaves 1", "load comes 1"]


def test_model_that_serves_nothing_loads_before_the_next_version_of_one_that_does() -> None:
    world = World(ManagerOptions(initial_load_threads=1))
    world.aspire(1)
    world.manager.set_aspired("m", aspire("m", [2]))
    world.manager.set_aspired("new", aspire("new", [1]))

    world.manager.tick()

    assert world.loaders.log[1:3] == ["load new 1", "load m 2"]


def test_failing_model_changes_nothing_for_another() -> None:
    world = World()
    world.loaders.fail(ServableId("bad", 1), errors.DataLoss("corrupt"))
    world.manager.set_aspired("bad", aspire("bad", [1]))
    world.manager.set_aspired("m", aspire("m", [1]))

    world.manager.tick()

    assert (world.states("bad"), world.states()) == ({1: END}, {1: AVAILABLE})


def test_load_in_progress_of_a_removed_model_is_ended_at_once() -> None:
    world = World()
    world.executor.hang("load version 1 of 'm'")
    world.aspire(1)

    world.aspire()

    assert world.loaders.log == ["unload m 1"]
    assert world.states() == {1: END}


def test_load_in_progress_that_is_superseded_comes_to_its_end() -> None:
    world = World()
    world.executor.hang("load version 1 of 'm'", "load version 2 of 'm'")
    world.aspire(1)

    world.aspire(2)
    world.executor.release("load version 1 of 'm'")
    world.manager.tick()
    assert world.states() == {1: AVAILABLE, 2: LOADING}
    world.executor.release("load version 2 of 'm'")
    world.manager.tick()

    assert world.states() == {1: END, 2: AVAILABLE}


# Workers that die.


def test_dead_worker_is_restarted_with_back_off_and_not_available_in_between() -> None:
    world = World(retries=RetryOptions(restart_first_s=0.5, restart_longest_s=4.0))
    world.aspire(1)

    world.loaders.kill(m(1))
    assert world.manager.tick() == 0.5
    assert world.states() == {1: LOADING}
    assert world.status(1) == (errors.Unavailable.code, "killed by signal 9")
    world.pass_time(0.5)

    assert world.states() == {1: AVAILABLE}
    assert world.loaders.log == ["load m 1", "unload m 1", "load m 1"]


def test_worker_that_keeps_dying_is_restarted_for_ever_with_a_bounded_pause() -> None:
    world = World(retries=RetryOptions(restart_first_s=0.5, restart_longest_s=4.0, max_num_load_retries=1))
    world.aspire(1)
    pauses = []

    for _ in range(6):
        world.loaders.kill(m(1))
        pause_s = world.manager.tick()
        assert pause_s is not None
        pauses.append(pause_s)
        world.pass_time(pause_s)

    assert pauses == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0]
    assert world.states() == {1: AVAILABLE}


def test_worker_that_lived_long_is_restarted_quickly_again() -> None:
    world = World(retries=RetryOptions(restart_first_s=0.5, restart_forget_s=60.0))
    world.aspire(1)
    for _ in range(3):
        world.loaders.kill(m(1))
        world.pass_time(world.manager.tick() or 0.0)

    world.pass_time(60.0)
    world.loaders.kill(m(1))

    assert world.manager.tick() == 0.5


def test_restart_that_fails_for_a_passing_reason_goes_on_past_the_number_of_load_retries() -> None:
    world = World(retries=RetryOptions(restart_first_s=1.0, restart_longest_s=1.0, max_num_load_retries=1))
    world.aspire(1)
    world.loaders.fail(m(1), *(errors.Unavailable("no worker") for _ in range(5)))

    world.loaders.kill(m(1))
    world.manager.tick()
    for _ in range(6):
        world.pass_time(1.0)

    assert world.states() == {1: AVAILABLE}


def test_restart_whose_files_are_gone_ends() -> None:
    world = World()
    world.aspire(1)
    world.loaders.fail(m(1), errors.NotFound("saved_model.pb is gone"))

    world.loaders.kill(m(1))
    world.manager.tick()
    world.pass_time(0.5)

    assert world.states() == {1: END}
    assert world.status(1) == (errors.NotFound.code, "saved_model.pb is gone")


def test_second_report_of_the_same_death_changes_nothing() -> None:
    world = World()
    world.aspire(1)
    first = world.loaders.last(m(1))
    world.loaders.kill(m(1))
    world.manager.tick()
    world.pass_time(0.5)

    first.on_failure(errors.Unavailable("the socket hung up, too"))
    world.manager.tick()

    assert world.states() == {1: AVAILABLE}


def test_version_that_stands_in_for_a_failed_successor_is_restarted_too() -> None:
    world = World()
    world.aspire(1)
    world.loaders.fail(m(2), errors.DataLoss("corrupt"))
    world.aspire(2)

    world.loaders.kill(m(1))
    world.manager.tick()
    world.pass_time(0.5)

    assert world.states() == {1: AVAILABLE, 2: END}


def test_stand_in_that_waits_for_its_restart_ends_when_the_successor_is_there() -> None:
    world = World()
    world.aspire(1)
    world.executor.hang("load version 2 of 'm'")
    world.aspire(2)
    world.loaders.kill(m(1))
    world.manager.tick()

    world.executor.release("load version 2 of 'm'")
    world.manager.tick()

    assert world.states() == {1: END, 2: AVAILABLE}


# Memory.


def test_version_that_does_not_fit_is_refused_and_gets_another_chance_when_something_goes() -> None:
    world = World(admit=memory_limit(200))
    world.manager.set_aspired("old", [aspired("old", 1, size_bytes=100)])
    world.manager.tick()

    world.manager.set_aspired("m", [aspired("m", 1, size_bytes=100)])
    world.manager.tick()
    assert world.states() == {1: END}
    code, message = world.status(1)
    assert code == errors.ResourceExhausted.code
    assert "needs about 120 bytes, 120 of total_model_memory_limit_bytes=200" in message

    world.manager.set_aspired("old", [])
    world.manager.tick()
    assert world.states() == {1: AVAILABLE}


# Ends.


def test_ended_versions_are_forgotten_beyond_the_newest() -> None:
    world = World(ManagerOptions(ended_versions_kept=2))

    for version in range(1, 7):
        world.aspire(version)

    assert world.states() == {4: END, 5: END, 6: AVAILABLE}


def test_removed_models_are_forgotten_beyond_the_bound() -> None:
    world = World(ManagerOptions(ended_versions_kept_in_all=3))

    for n in range(6):
        world.aspire(1, model=f"m{n}")
        world.aspire(model=f"m{n}")

    assert len(world.manager.snapshot()) == 3


def test_failed_version_that_is_still_aspired_is_never_forgotten() -> None:
    world = World(ManagerOptions(ended_versions_kept=0))
    world.loaders.fail(m(1), errors.DataLoss("corrupt"))

    world.aspire(1)

    assert world.states() == {1: END}


def test_shutdown_unloads_everything_at_once_and_ends_loads() -> None:
    world = World()
    for n in range(5):
        world.aspire(1, model=f"m{n}")
    world.executor.hang("load version 1 of 'm'", *(f"unload version 1 of 'm{n}'" for n in range(5)))
    world.aspire(1)
    assert not world.manager.has_shut_down()

    world.manager.shut_down()
    world.manager.tick()
    assert len(world.executor.held()) == 6
    world.manager.set_aspired("late", aspire("late", [1]))
    for name in world.executor.held():
        world.executor.release(name)
    world.manager.tick()

    assert world.manager.has_shut_down()
    assert "late" not in world.manager.snapshot()


def test_hanging_loader_of_the_fakes_ends_only_by_unload() -> None:
    loader = HangingLoader()
    loader.unload()

    with pytest.raises(errors.Cancelled):
        loader.load()
