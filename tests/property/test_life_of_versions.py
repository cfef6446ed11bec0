"""Whatever happens to a model, its life keeps these promises."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from seaway import errors
from seaway.repository.event_bus import EventBus
from seaway.repository.ids import ServableId
from seaway.repository.manager import AspiredVersionsManager, Collaborators
from seaway.repository.options import ManagerOptions, RetryOptions
from seaway.repository.policy import (
    AspiredVersionPolicy,
    AvailabilityPreservingPolicy,
    Kind,
    ResourcePreservingPolicy,
    VersionView,
    next_actions,
)
from seaway.repository.states import ServableState, State, is_legal
from tests.support.fakes import FakeClock, FakeExecutor, FakeLoaders, aspire

POLICIES = st.sampled_from([AvailabilityPreservingPolicy(), ResourcePreservingPolicy()])
STATES = st.sampled_from([State.START, State.LOADING, State.AVAILABLE, State.UNLOADING, State.END])
SNAPSHOTS = st.dictionaries(st.integers(1, 9), st.tuples(STATES, st.booleans()), max_size=6).map(
    lambda versions: [VersionView(ServableId("m", n), state, aspired) for n, (state, aspired) in versions.items()]
)


def begun(views: list[VersionView], policy: AspiredVersionPolicy) -> list[VersionView]:
    after = {view.id: view for view in views}
    for action in next_actions(policy, views):
        state = State.LOADING if action.kind is Kind.LOAD else State.UNLOADING
        after[action.id] = VersionView(action.id, state, after[action.id].is_aspired)
    return list(after.values())


@given(POLICIES, SNAPSHOTS)
def test_policy_is_idempotent(policy: AspiredVersionPolicy, views: list[VersionView]) -> None:
    assert next_actions(policy, views) == next_actions(policy, views)
    assert next_actions(policy, begun(views, policy)) == []


@given(POLICIES, SNAPSHOTS)
def test_only_superseded_versions_are_unloaded_and_only_new_aspired_ones_loaded(
    policy: AspiredVersionPolicy, views: list[VersionView]
) -> None:
    by_id = {view.id: view for view in views}
    for action in next_actions(policy, views):
        view = by_id[action.id]
        expected = (State.AVAILABLE, False) if action.kind is Kind.UNLOAD else (State.START, True)
        assert (view.state, view.is_aspired) == expected


@given(SNAPSHOTS)
def test_availability_preserving_never_unloads_the_last_that_serves_while_one_is_wanted(
    views: list[VersionView],
) -> None:
    served = any(view.is_ready for view in views)
    wanted = any(view.is_aspired for view in views)

    after = begun(views, AvailabilityPreservingPolicy())

    assert not (served and wanted) or any(view.is_ready for view in after)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("aspire"), st.sets(st.integers(1, 4), min_size=1, max_size=3)),
        st.tuples(st.just("hang"), st.integers(1, 4)),
        st.tuples(st.just("release"), st.integers(1, 4)),
        st.tuples(st.just("fail"), st.integers(1, 4)),
        st.tuples(st.just("pass_time"), st.integers(1, 700)),
    ),
    max_size=25,
)


class Story:
    """Plays random steps against a manager and checks every state as it is announced."""

    def __init__(self) -> None:
        self.clock, self.executor, self.loaders = FakeClock(), FakeExecutor(), FakeLoaders()
        self.states: dict[int, State] = {}
        self.has_served = False
        bus: EventBus[ServableState] = EventBus()
        bus.subscribe(self.check)
        self.broken: list[str] = []
        work = Collaborators(self.loaders, self.executor, self.clock, bus=bus)
        self.manager = AspiredVersionsManager(ManagerOptions(), RetryOptions(), work)

    def check(self, event: ServableState) -> None:
        before = self.states.get(event.id.version, State.UNKNOWN)
        if not is_legal(before, event.state):
            self.broken.append(f"{event.id}: {before.name} -> {event.state.name}")
        self.states[event.id.version] = event.state
        serves = State.AVAILABLE in self.states.values()
        if self.has_served and not serves:
            self.broken.append(f"nothing serves after {event}")
        self.has_served = self.has_served or serves

    def play(self, verb: str, argument: set[int] | int) -> None:
        match verb, argument:
            case "aspire", set(versions):
                self.manager.set_aspired("m", aspire("m", sorted(versions)))
            case "hang", int(version):
                self.executor.hang(f"load version {version} of 'm'")
            case "release", int(version):
                self.executor.release(f"load version {version} of 'm'")
            case "fail", int(version):
                self.loaders.fail(ServableId("m", version), errors.DataLoss("corrupt"))
            case "pass_time", int(seconds):
                self.clock.advance(float(seconds))
        self.manager.tick()


@given(STEPS)
def test_model_that_has_served_never_stops_while_any_of_its_versions_is_aspired(
    steps: list[tuple[str, set[int] | int]],
) -> None:
    story = Story()

    for verb, argument in steps:
        story.play(verb, argument)

    assert story.broken == []
