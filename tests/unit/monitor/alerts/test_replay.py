"""Rules over recorded data: what would have fired, and when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.monitor.alerts.book import holding
from seaway.monitor.alerts.replay import Firing, held, replay
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.point import Kind, Series
from seaway.monitor.store.store import Store
from tests.support.alert_samples import DEPTH, recorded

BEGIN = 1_700_000_100_000
DEEP = Rule("Deep", "depth > 5", for_s=60.0, keep_s=0.0, summary="{{ $labels.model }} is deep")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "monitor.db")
    yield store
    store.close()


def test_replay_finds_when_an_alert_would_have_fired(store: Store) -> None:
    end = recorded(store, BEGIN, "0000" + "1" * 10 + "0" * 6)
    (firing,) = replay(store, [DEEP], BEGIN / 1000, end / 1000, 30).firings
    assert firing.summary == "m is deep"
    times = [firing.began_at, firing.fired_at, firing.ended_at]
    assert [each and each - BEGIN / 1000 for each in times] == [120, 180, 420]
    assert firing.lasted_s(end) == 240


def test_replay_keeps_what_began_before_and_what_goes_on(store: Store) -> None:
    end = recorded(store, BEGIN, "1" * 10)
    (firing,) = replay(store, [DEEP], BEGIN / 1000 + 90, end / 1000 - 30, 30).firings
    assert firing.ended_at is None
    assert firing.lasted_s(end / 1000) == end / 1000 - firing.fired_at


def test_replay_leaves_out_what_ended_before(store: Store) -> None:
    end = recorded(store, BEGIN, "1" * 5 + "0" * 10)
    assert replay(store, [DEEP], BEGIN / 1000 + 180, end / 1000, 30).firings == []


def test_a_rule_that_cannot_be_replayed_costs_the_others_nothing(store: Store) -> None:
    end = recorded(store, BEGIN, "1" * 10)
    broken = [Rule("Number", "1"), Rule("Wrong", "rate(depth[5m]) > 0")]
    found = replay(store, [*broken, DEEP], BEGIN / 1000, end / 1000, 30)
    assert [each.rule for each in found.firings] == ["Deep"]
    assert sorted(found.problems) == ["Number", "Wrong"]


def test_many_moments_together_hold_as_each_alone_does(store: Store) -> None:
    end = recorded(store, BEGIN, "0110100111" * 400)  # more than are asked for together
    recorded(store, BEGIN, "1001" * 20, series=DEPTH._replace(labels=(("model", "n"),)))
    for expr in ("depth > 5", "max by (model) (max_over_time(depth[3m])) > 5", "sum(depth) > 9"):
        rule = Rule("R", expr)
        together = dict(held(store, rule, BEGIN, end, 30_000))
        assert list(together) == [at / 1000 for at in range(BEGIN, end + 1, 30_000)]
        for at in list(together)[:: len(together) // 50]:
            assert together[at] == holding(store, rule, at), (expr, at)


def test_series_that_are_alike_in_hours_but_never_at_once_can_be_replayed(store: Store) -> None:
    for number, version in enumerate("12"):
        series = Series("depth", (("model", "m"), ("version", version)), Kind.GAUGE)
        end = recorded(store, BEGIN + number * 3_600_000, "1" * 10, series=series)
    recorded(store, BEGIN, "1" * 140, series=Series("limit", (("model", "m"),), Kind.GAUGE))
    rule = Rule("R", "limit > 5 and on (model) limit == on (model) depth", keep_s=0.0)
    found = replay(store, [rule], BEGIN / 1000, end / 1000, 30)
    assert found.problems == {}
    assert len(found.firings) == 2


def test_no_time_is_refused(store: Store) -> None:
    with pytest.raises(InvalidArgument, match="the end is after the start"):
        replay(store, [DEEP], 10, 10, 30)


def test_what_fires_goes_on_until_now() -> None:
    assert Firing("R", "page", (), "", 1.0, 0.0, 10.0, None).lasted_s(25.0) == 15.0
