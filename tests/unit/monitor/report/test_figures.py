"""What a report says, against what was put into the store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.errors import InvalidArgument, NotFound
from seaway.monitor.report.asked import Asked, Latency
from seaway.monitor.report.figures import Figures, figures
from seaway.monitor.store.store import Store
from tests.support.report_samples import BEGIN_S, HOUR_S, filled, minute

END_MS = (BEGIN_S + 2 * HOUR_S) * 1000
ASKED = Asked("m", END_MS - HOUR_S * 1000, END_MS, 0.99, Latency(0.2, 0.9))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = filled(tmp_path / "monitor.db")
    yield store
    store.close()


@pytest.fixture
def found(store: Store) -> Figures:
    return figures(store, ASKED)


def test_totals_are_of_clients_and_of_this_model(found: Figures) -> None:
    assert (found.totals.requests, found.totals.errors) == (9000, 90)
    assert found.totals.error_ratio == pytest.approx(0.01)
    assert found.totals.per_second == pytest.approx(2.5)
    assert found.codes == (("OK", 8850.0), ("INTERNAL", 90.0), ("INVALID_ARGUMENT", 60.0))


def test_the_time_before_is_compared(found: Figures) -> None:
    assert (found.before.requests, found.before.errors) == (6000, 0)
    rates = found.trends[0]
    assert rates.now == pytest.approx((2.5,) * 60)
    assert rates.before == pytest.approx((100 / 60,) * 60)


def test_quantiles_are_of_all_requests_together(found: Figures) -> None:
    # Of 9000, 5400 take up to 0.1 s, 1800 more up to 0.2 s, 1200 more up to 0.4 s.
    assert found.totals.p50_s == pytest.approx(0.1 * 4500 / 5400)
    assert found.totals.p95_s == 0.4
    assert found.before.p95_s == pytest.approx(0.1 * 2**0.5)


def test_errors_over_time(found: Figures) -> None:
    ratios = found.trends[1]
    assert ratios.name == "Share of errors"
    assert ratios.now == pytest.approx((0.0,) * 30 + (0.02,) * 30)
    assert found.budget_left[29] == 1
    assert found.budget_left[-1] == pytest.approx(0)
    assert len(found.moments) == 60
    assert (found.moments[0], found.moments[-1]) == (found.start + 60, found.end)


def test_the_objective_is_just_kept(found: Figures) -> None:
    assert found.availability.is_met
    assert found.availability.left == pytest.approx(0)
    assert found.latency is not None
    assert found.latency.attained == pytest.approx(0.8)
    assert not found.latency.is_met


def test_parts_are_by_version_and_replica(found: Figures) -> None:
    one, two = found.parts
    assert (one.labels, one.requests, one.error_ratio) == (("1", "serving_default"), 6000, 0)
    assert (two.labels, two.requests, two.p99_s) == (("2", "serving_default"), 3000, 0.4)
    assert (two.error_ratio, two.share) == pytest.approx((0.03, 1 / 3))
    assert [(each.part.labels, each.up, each.restarts) for each in found.replicas] == [
        (("a:1",), 1.0, 0.0),
        (("b:1",), 1.0, 2.0),
    ]


def test_incidents_that_were_recorded(found: Figures) -> None:
    times = [
        (each.rule, each.began_at - BEGIN_S, each.ended_at and each.ended_at - BEGIN_S) for each in found.incidents
    ]
    assert times == [("SeawayErrorBudgetBurnsFast", 5700, 6300), ("Mine", 5900, None)]
    assert [(each.severity, each.summary) for each in found.incidents] == [
        ("page", "Model m fails"),
        ("", "our server"),
    ]


def test_an_alert_that_fired_already_begins_with_the_time(store: Store) -> None:
    late = figures(store, ASKED._replace(start_ms=(BEGIN_S + 6060) * 1000))
    assert [(each.rule, each.began_at - BEGIN_S, each.ended_at) for each in late.incidents] == [
        ("SeawayErrorBudgetBurnsFast", 6060, BEGIN_S + 6300)
    ]


def test_incidents_that_the_default_rules_find(store: Store) -> None:
    store.append(minute(BEGIN_S + 6600, {"INTERNAL": 500.0}, (500.0, 0, 0, 0), version="3"))
    found = [each for each in figures(store, ASKED).incidents if each.source == "replayed"]
    # Afterwards 2 % of the last five minutes fail still, more than the 1.44 % that it is about.
    times = {each.rule: (each.began_at - BEGIN_S, each.ended_at and each.ended_at - BEGIN_S) for each in found}
    assert times["SeawayErrorBudgetBurnsFast"] == (6600, None)
    assert {each.labels for each in found} == {(("model", "m"),)}


def test_what_happened_is_of_this_model(found: Figures) -> None:
    assert [(each.kind, each.at - BEGIN_S) for each in found.happened] == [("version", 3660), ("restart", 6000)]


def test_without_a_time_before_there_is_nothing_to_compare(store: Store) -> None:
    first = figures(store, ASKED._replace(start_ms=BEGIN_S * 1000, end_ms=END_MS - HOUR_S * 1000))
    assert (first.before.requests, first.before.error_ratio, first.before.p50_s) == (0, None, None)
    assert set(first.trends[0].before) == {None}


def test_rolled_up_rows_say_the_same(store: Store, found: Figures) -> None:
    store.roll_up(END_MS + 3_600_000)
    store.forget(END_MS + 4 * 3_600_000, 10**9)  # The raw rows are gone.
    again = figures(store, ASKED)
    assert (again.totals, again.before, again.parts) == (found.totals, found.before, found.parts)


def test_no_data_names_the_models_that_there_are(store: Store) -> None:
    with pytest.raises(NotFound, match=r"no requests of clients for model 'n' .* at any time: 'm', 'other'\. Name"):
        figures(store, ASKED._replace(model="n"))
    later = END_MS + 10 * HOUR_S * 1000
    with pytest.raises(NotFound, match="model 'm'"):
        figures(store, ASKED._replace(start_ms=later, end_ms=later + HOUR_S * 1000))


def test_an_empty_store_says_so(tmp_path: Path) -> None:
    store = Store(tmp_path / "empty.db")
    with pytest.raises(NotFound, match="at any time: none"):
        figures(store, ASKED)
    store.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"objective": 1.0}, "--objective 1 is not between 0 and 1"),
        ({"objective": 0.0}, "--objective 0 is not"),
        ({"objective": 99.9}, "for instance 0.999"),
        ({"objective": math.nan}, "--objective nan"),
        ({"latency": Latency(0.2, 99)}, "--latency 99"),
        ({"latency": Latency(0.0, 0.99)}, "--latency 0 s is not above 0"),
        ({"start_ms": END_MS - 1000}, "at least 120 s"),
    ],
)
def test_what_is_out_of_bounds_is_refused(store: Store, change: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        figures(store, Asked(**(ASKED._asdict() | change)))


def test_names_that_mean_something_in_promql_are_only_names(tmp_path: Path) -> None:
    store = Store(tmp_path / "monitor.db")
    name = 'm"} or up{a="\\\n'
    store.append(each for n in (1, 2) for each in minute(BEGIN_S + n * 60, {"OK": 5.0}, (5.0, 0, 0, 0), model=name))
    found = figures(store, Asked(name, BEGIN_S * 1000, (BEGIN_S + 120) * 1000, 0.99))
    assert found.totals.requests == 10
    store.close()
