"""Publishing: what is written, and what is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.deploy.operations import Publish
from seaway.deploy.publication import publish, published_now, read_generation, wait_until_served
from seaway.deploy.state import StateDirectory
from seaway.errors import Aborted, DataLoss, DeadlineExceeded, FailedPrecondition
from seaway.fleet.report import ModelReport, Report, VersionReport
from tests.support.fakes import FakeClock
from tests.support.simulated_deployment import published


class Fleet:
    """Replicas that report what a test says, one answer after another, the last one for ever."""

    def __init__(self, *answers: tuple[Report, ...]) -> None:
        self.answers = list(answers)

    def __call__(self) -> tuple[Report, ...]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def report(name: str, generation: int, applied: bool = True, problem: str = "", state: str = "") -> Report:
    models = (ModelReport("mnist", (VersionReport(1, state),)),) if state else ()
    return Report(name, 0.0, 0.0, generation, applied, problem=problem, models=models)


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    return StateDirectory(tmp_path / "state")


def test_a_decision_is_written_and_waited_for(state: StateDirectory) -> None:
    told: list[str] = []
    fleet = Fleet(
        (),
        (report("a-1", 0),),
        (report("a-1", 1, applied=False, state="LOADING"),),
        (report("a-1", 1, applied=False, state="AVAILABLE"),),
        (report("a-1", 1),),
    )
    publish(state, fleet, Publish(1, published(7), None, ("a-1",)), FakeClock(), told.append)
    written = read_generation(state)
    assert written is not None
    assert (written.generation, written.published, written.first) == (1, published(7), None)
    assert told == [
        "a-1 has not reported yet",
        "a-1 still follows generation 0",
        "a-1 loads mnist 1 loading",
        "a-1 switches",
    ]


def test_those_that_do_not_follow_yet_keep_the_decision_before(state: StateDirectory) -> None:
    for operation in (
        Publish(1, published(1)),
        Publish(2, published(2), ("a-1",), ()),
        Publish(3, published(2), ("a-1", "a-2"), ()),
    ):
        publish(state, Fleet(()), operation, FakeClock(), print)
    written = read_generation(state)
    assert written is not None
    assert [written.followed_by(name) for name in ("a-1", "a-2", "a-3")] == [published(2), published(2), published(1)]
    now = published_now(state)
    assert now is not None
    assert (now.generation, now.first, now.before_digest) == (3, ("a-1", "a-2"), published(1).digest)


def test_a_replica_that_cannot_serve_it_ends_the_wait_with_its_reason(state: StateDirectory) -> None:
    fleet = Fleet((report("a-1", 1, applied=False, problem="mnist 7: unknown op Foo"), report("a-2", 1)))
    with pytest.raises(FailedPrecondition, match="a-1 cannot serve it: mnist 7: unknown op Foo"):
        publish(state, fleet, Publish(1, published(7), None, ("a-1", "a-2")), FakeClock(), print)


def test_a_problem_with_an_older_decision_is_not_this_ones(state: StateDirectory) -> None:
    fleet = Fleet((report("a-1", 0, applied=False, problem="old"),), (report("a-1", 1),))
    publish(state, fleet, Publish(1, published(7), None, ("a-1",)), FakeClock(), print)


def test_a_wait_has_an_end_that_names_who_is_late(state: StateDirectory) -> None:
    with pytest.raises(DeadlineExceeded, match="a-1 did not serve generation 1 within 5 s"):
        publish(state, Fleet(()), Publish(1, published(7), None, ("a-1",), 5.0), FakeClock(), print)


def test_a_replica_that_another_replaced_is_not_waited_for(state: StateDirectory) -> None:
    rounds = iter([["a.1"], ["a.1", "a.2"], [], ["a.2", "a.3"], ["a.2", "a.3"]])
    fleet = Fleet((report("a.1", 0), report("a.2", 1)), (report("a.2", 1),), (report("a.2", 1), report("a.3", 1)))
    told: list[str] = []
    wait_until_served(lambda: next(rounds), fleet, Publish(1, published(7)), FakeClock(), told.append)
    assert told == ["a.1 still follows generation 0", "no replica runs"]


def test_published_again_it_changes_nothing(state: StateDirectory) -> None:
    operation = Publish(4, published(7))
    publish(state, Fleet(()), operation, FakeClock(), print)
    before = state.read("published.json")
    publish(state, Fleet(()), operation, FakeClock(), print)
    assert state.read("published.json") == before


def test_an_older_plan_does_not_overwrite_a_later_decision(state: StateDirectory) -> None:
    publish(state, Fleet(()), Publish(4, published(7)), FakeClock(), print)
    with pytest.raises(Aborted, match="generation 4 is published, so 3 is no longer wanted"):
        publish(state, Fleet(()), Publish(3, published(6)), FakeClock(), print)


def test_a_damaged_decision_is_said_to_be_damaged(state: StateDirectory) -> None:
    state.write("published.json", b'{"generation": ')
    with pytest.raises(DataLoss, match=r"published\.json"):
        published_now(state)
