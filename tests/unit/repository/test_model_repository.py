"""The repository as the server uses it: stepped by hand in virtual time, and once with real threads."""

from __future__ import annotations

import json
import threading

import pytest

from seaway import errors
from seaway.clock import SystemClock
from seaway.repository.executor import ThreadExecutor
from seaway.repository.ids import ServableId
from seaway.repository.loader import Loader, OnFailure
from seaway.repository.model_repository import ModelRepository, Surroundings
from seaway.repository.options import ManagerOptions, RepositoryOptions, SourceOptions
from seaway.repository.routes import routes_json
from seaway.repository.servable_state_monitor import Progress
from seaway.repository.snapshot import RepositoryView
from seaway.repository.source import AspiredVersion
from seaway.repository.states import State
from seaway.settings.model_config import EntryProblem, ModelConfig, ModelList
from tests.support.fakes import FakeClock, FakeExecutor, FakeLoaders, FakeSource, HangingLoader, model_config

A, B = model_config("a"), model_config("b")


class World:
    """A repository in virtual time; whoever waits makes it step."""

    def __init__(self, options: RepositoryOptions | None = None) -> None:
        self.clock, self.executor = FakeClock(), FakeExecutor()
        self.source, self.loaders = FakeSource(), FakeLoaders()
        around = Surroundings(self.clock, self.executor, self.source)
        self.repository = ModelRepository(options or RepositoryOptions(), self.loaders, around)
        self.clock.on_wait = self.repository.tick
        self.views: list[RepositoryView] = []
        self.repository.subscribe(self.views.append)

    def reload(self, *models: ModelConfig, problems: tuple[EntryProblem, ...] = ()) -> errors.SeawayError | None:
        return self.repository.reload(ModelList(models, problems), timeout_s=30.0)

    def states(self, model: str) -> dict[int, State]:
        return {each.version: each.state.state for each in self.repository.view()[model].snapshot.versions}

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.repository.tick()


def test_reload_waits_until_the_new_models_serve() -> None:
    world = World()
    world.source.holds("a", 1)

    assert world.reload(A) is None

    assert world.states("a") == {1: State.AVAILABLE}
    assert set(world.repository.configs()) == {"a"}


def test_reload_removes_what_the_list_no_longer_names() -> None:
    world = World()
    world.source.holds("a", 1)
    world.source.holds("b", 1)
    world.reload(A, B)

    assert world.reload(B) is None
    world.repository.tick()

    assert world.states("a") == {1: State.END}
    assert world.states("b") == {1: State.AVAILABLE}
    assert world.repository.view()["a"].config is None


def test_bad_entry_neither_blocks_nor_removes_anything() -> None:
    world = World()
    world.source.holds("a", 1)
    world.source.holds("b", 1)
    world.reload(A)

    error = world.reload(B, problems=(EntryProblem("a", errors.InvalidArgument("model 'a' has no base_path")),))

    assert error is not None
    assert error.message == "model 'a' has no base_path"
    assert (world.states("a"), world.states("b")) == ({1: State.AVAILABLE}, {1: State.AVAILABLE})


def test_reload_of_a_model_that_hangs_ends_with_its_bound_and_the_other_serves() -> None:
    world = World()
    world.executor.hang("load version 1 of 'a'")
    world.source.holds("a", 1)
    world.source.holds("b", 1)

    error = world.reload(A, B)

    assert isinstance(error, errors.DeadlineExceeded)
    assert error.message == "version 1 of 'a' is LOADING"
    assert world.clock.now() == pytest.approx(1030.0)
    assert world.states("b") == {1: State.AVAILABLE}


def test_reload_to_a_missing_directory_fails_at_once_and_says_which() -> None:
    world = World()
    world.source.fails("a", errors.NotFound("base path /models/a of model 'a' does not exist"))

    error = world.reload(A)

    assert isinstance(error, errors.NotFound)
    assert error.message == "base path /models/a of model 'a' does not exist"


def test_model_that_was_available_before_its_config_changed_is_looked_at_again_first() -> None:
    world = World()
    world.source.holds("a", 1)
    world.reload(A)
    world.source.holds("a", 2)
    world.loaders.fail(ServableId("a", 2), errors.DataLoss("corrupt"))

    error = world.reload(model_config("a", version_labels={"old": 1}))

    assert isinstance(error, errors.DataLoss)
    assert world.states("a") == {1: State.AVAILABLE, 2: State.END}


def test_share_that_fails_for_a_moment_leaves_what_is_served_alone() -> None:
    world = World()
    world.source.holds("a", 1)
    world.reload(A)

    world.source.fails("a", errors.PermissionDenied("the share is away"))
    world.pass_time(1.0)

    assert world.states("a") == {1: State.AVAILABLE}
    problem = world.repository.view()["a"].problem
    assert problem is not None
    assert problem.message == "the share is away"


def test_label_moves_at_the_moment_its_version_becomes_available() -> None:
    world = World()
    world.source.holds("a", 1)
    world.reload(model_config("a", version_labels={"stable": 1}))
    world.executor.hang("load version 2 of 'a'")
    world.source.holds("a", 1, 2)

    error = world.reload(model_config("a", version_labels={"stable": 2}))
    assert isinstance(error, errors.DeadlineExceeded)
    assert world.repository.view()["a"].labels == {"stable": 1}
    world.executor.release("load version 2 of 'a'")
    world.repository.tick()

    assert world.repository.view()["a"].labels == {"stable": 2}
    first = next(view["a"] for view in world.views if 2 in view["a"].snapshot.available)
    assert first.labels == {"stable": 2}


@pytest.mark.parametrize(("allow", "expected"), [(False, errors.FailedPrecondition), (True, None)])
def test_label_on_a_version_that_is_not_there(allow: bool, expected: type[errors.SeawayError] | None) -> None:
    world = World(RepositoryOptions(allow_version_labels_for_unavailable_models=allow))
    world.source.holds("a", 1)

    error = world.reload(model_config("a", version_labels={"next": 9}))

    assert (None if error is None else type(error)) == expected
    assert world.repository.view()["a"].labels == ({"next": 9} if allow else {})


def test_listeners_see_the_old_version_go_only_after_the_new_one_serves() -> None:
    world = World()
    world.source.holds("a", 1)
    world.reload(A)
    world.views.clear()

    world.source.holds("a", 2)
    world.pass_time(1.0)

    available = [sorted(view["a"].snapshot.available) for view in world.views]
    assert available[0] == [1]
    assert [1, 2] in available
    assert available[-1] == [2]
    assert [] not in available


def test_routes_name_the_channel_of_what_is_available() -> None:
    world = World()
    world.source.holds("a", 1)
    world.reload(A)

    table = json.loads(routes_json(world.repository.view(), {ServableId("a", 1): 5}))

    assert table["models"][0]["versions"][0]["channel"] == 5


def test_shutdown_ends_everything_and_says_so() -> None:
    world = World()
    world.source.holds("a", 1)
    world.reload(A)

    assert world.repository.shut_down(10.0)

    assert world.states("a") == {1: State.END}
    assert world.loaders.log == ["load a 1", "unload a 1"]


def test_shutdown_of_a_repository_that_never_ran_returns_at_once() -> None:
    world = World()

    assert world.repository.shut_down(10.0)

    assert world.clock.now() == 1000.0


def test_shutdown_does_not_wait_longer_than_it_may() -> None:
    world = World()
    world.source.holds("a", 1)
    world.reload(A)
    world.executor.hang("unload version 1 of 'a'")

    assert not world.repository.shut_down(10.0)

    assert world.states("a") == {1: State.UNLOADING}


def test_with_real_threads_a_hanging_model_keeps_nobody_from_serving_and_is_ended_at_shutdown() -> None:
    hanging, good = HangingLoader(), FakeLoaders()

    def loaders(version: AspiredVersion, on_failure: OnFailure) -> Loader:
        return hanging if version.id.name == "a" else good(version, on_failure)

    source = FakeSource()
    source.holds("a", 1)
    source.holds("b", 1)
    options = RepositoryOptions(SourceOptions(), manager=ManagerOptions(initial_load_threads=2))
    repository = ModelRepository(options, loaders, Surroundings(SystemClock(), ThreadExecutor(), source))
    is_serving = threading.Event()
    repository.subscribe(lambda view: is_serving.set() if "b" in view and view["b"].snapshot.available else None)
    thread = repository.start()

    repository.apply(ModelList((A, B)))
    assert hanging.began.wait(30.0)
    assert is_serving.wait(30.0)
    outcomes = repository.wait_until_available((B,), 30.0)

    assert outcomes["b"].progress is Progress.AVAILABLE
    assert repository.view()["a"].snapshot.available == frozenset()
    assert repository.shut_down(30.0)
    thread.join(30.0)
    assert not thread.is_alive()
    assert good.log == ["load b 1", "unload b 1"]
