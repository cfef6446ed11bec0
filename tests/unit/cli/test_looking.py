"""What `seaway monitor` looks at, from its options."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from seaway.cli.acting import ElsewhereActions
from seaway.cli.looking import Asked, looking, told_once
from seaway.errors import FailedPrecondition, InvalidArgument, Unavailable
from tests.support.fakes import FakeClock


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(Asked(), "no server is named", id="nothing"),
        pytest.param(Asked(dns=("digits",)), "expected NAME:PORT", id="no-port"),
        pytest.param(
            Asked(prometheus="http://p:9090", dns=("a:1",)), "name no others", id="two-who-would-have-to-find"
        ),
        pytest.param(Asked(servers=("a:1",), objectives=("mnist",)), "expected MODEL:error_rate", id="no-promise"),
        pytest.param(
            Asked(servers=("a:1",), objectives=("mnist:p99_ms=5",)), "expected MODEL:error_rate", id="half-a-promise"
        ),
        pytest.param(
            Asked(servers=("a:1",), objectives=("mnist:error_rate=1,p95=3",)), "expected MODEL", id="another-promise"
        ),
    ],
)
def test_what_does_not_go_together_is_refused(asked: Asked, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        looking(asked, FakeClock())


def test_everything_that_is_named_is_looked_at_once() -> None:
    found = looking(Asked(servers=("b:1", "a:1"), dns=("localhost:1",)), FakeClock())
    instances = [each.instance for each in found.discovery()()]
    assert instances[-2:] == ["a:1", "b:1"]
    assert "127.0.0.1:1" in instances


def test_what_models_promise_is_alerted_on() -> None:
    asked = Asked(servers=("a:1",), objectives=("org/mnist:2:error_rate=0.02,p99_ms=50,memory=1000",))
    names = [each.name for each in looking(asked, FakeClock()).rules]
    assert names[0] == "ObjectiveErrors (org/mnist:2)"
    assert len(names) == 3


def test_a_monitor_without_the_description_says_where_to_act(tmp_path: Path) -> None:
    found = looking(Asked(state=tmp_path), FakeClock())
    assert isinstance(found.actions, ElsewhereActions)
    with pytest.raises(FailedPrecondition, match="run `seaway rollout mnist 7` beside it"):
        found.actions.plan_rollout("mnist", 7)
    for act in (
        lambda: ElsewhereActions().do_rollout("m", 1),
        lambda: ElsewhereActions().plan_rollback("m"),
        lambda: ElsewhereActions().do_rollback("m"),
        lambda: ElsewhereActions().plan_scale(2),
        lambda: ElsewhereActions().do_scale(2),
    ):
        with pytest.raises(FailedPrecondition, match=r"seaway\.yaml is not where this monitor runs"):
            act()


def test_what_is_not_to_be_had_is_told_once_and_gone_without(caplog: pytest.LogCaptureFixture) -> None:
    is_down = [True]

    def source(at: int) -> Sequence[int]:
        if is_down[0]:
            raise Unavailable("no engine")
        return [at]

    ask = told_once(source, "what containers use")
    with caplog.at_level(logging.WARNING):
        assert [*ask(1), *ask(2)] == []
        is_down[0] = False
        assert list(ask(3)) == [3]
        is_down[0] = True
        assert list(ask(4)) == []
    assert [each.message for each in caplog.records] == ["going without what containers use: no engine"] * 2
