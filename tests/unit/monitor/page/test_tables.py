"""Values to rows, by tables."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.monitor.page import tables
from seaway.monitor.page.reading import Line
from seaway.monitor.page.tables import Compared, Numbers, VersionFacts
from seaway.monitor.store.store import Event
from seaway.monitor.target import TargetStatus
from seaway.monitor.view import AlertState, AlertStatus, Delivery

NOW = 1_700_000_000.0
HOSTILE = "<b>x</b>/../%"


def numbers(requests: dict[tuple[str, ...], float], failures: dict[tuple[str, ...], float] | None = None) -> Numbers:
    return Numbers(requests, failures or {}, {"p99": dict.fromkeys(requests, 0.02)})


def alert(state: AlertState, **more: Any) -> AlertStatus:
    return AlertStatus("Slow", (("model", "m"),), state, "page", "slow", 0.08, NOW - 60, **more)


def history(state: AlertState) -> AlertStatus:
    return AlertStatus("SeawayMonitorHistoryStopped", (), state, "page", "x is\nfull", 7.0, NOW - 60)


@pytest.mark.parametrize(
    ("requests", "failures", "replicas", "alerts", "state"),
    [
        (10.0, 0.0, 2.0, [], ("serving", "good")),
        (10.0, 0.001, 2.0, [], ("serving", "good")),
        (10.0, 5.0, 2.0, [], ("errors", "warning")),
        (0.0, 0.0, 2.0, [], ("no requests", "quiet")),
        (0.0, 0.0, None, [], ("no replica answers", "bad")),
        (10.0, 0.0, 2.0, [alert(AlertState.FIRING)], ("alert", "bad")),
        (10.0, 0.0, 2.0, [alert(AlertState.FIRING)] * 2, ("2 alerts", "bad")),
        (10.0, 0.0, 2.0, [alert(AlertState.PENDING), alert(AlertState.RESOLVED)], ("serving", "good")),
    ],
)
def test_the_state_of_a_model(
    requests: float, failures: float, replicas: float | None, alerts: list[AlertStatus], state: tuple[str, str]
) -> None:
    assert tables.model_state("m", numbers({("m",): requests}, {("m",): failures}), replicas, alerts) == state


def test_a_model_that_is_loaded_or_was_asked_has_a_row() -> None:
    lines = {HOSTILE: Line({"model": HOSTILE}, [(0, 1.0), (1, None)])}
    rows = tables.models(numbers({(HOSTILE,): 4.0}, {(HOSTILE,): 1.0}), {("idle",): 2.0}, lines, [], "6h")

    assert [row["key"] for row in rows] == [HOSTILE, "idle"]
    cells = rows[0]["cells"]
    assert cells["model"]["text"] == HOSTILE
    assert cells["model"]["href"] == "/model?name=%3Cb%3Ex%3C%2Fb%3E%2F..%2F%25&range=6h"
    assert cells["history"] == {"spark": [1.0, None], "spoken": "from 1/s to 1/s"}
    assert (cells["requests"], cells["p99"], cells["errors"]["text"]) == ("4/s", "20 ms", "25 %")
    assert (cells["replicas"], rows[1]["cells"]["replicas"]) == ("0", "2")


def test_a_server_that_does_not_answer_says_why() -> None:
    targets = [TargetStatus("a", "http://a/m", True, "", NOW), TargetStatus("b", "http://b/m", False, "refused\n<b>")]
    up, down = (row["cells"]["state"] for row in tables.replicas(targets, numbers({}), {}, "1h"))
    assert up["text"] == "up"
    assert (down["text"], down["note"]) == ("down", r"refused\n<b>")


def test_versions_are_ordered_as_numbers_and_silent_ones_are_listed() -> None:
    facts = VersionFacts({"9": ["tensorflow"], "10": ["onnxruntime", "tensorflow"], "11": []}, {"9": 2.0}, {})
    rows = tables.versions("m", numbers({("10", "s"): 1.0, ("9", "s"): 1.0}), facts, {("9", "s"): 4.0}, "1h")

    assert [(row["cells"]["version"]["text"]) for row in rows] == ["9", "10", "11"]
    assert rows[0]["cells"]["signature"]["href"] == "/model/m?version=9&signature=s&range=1h"
    assert rows[1]["cells"]["engine"] == "onnxruntime, tensorflow"
    assert rows[2]["cells"]["signature"] == "—"


def test_alerts_are_listed_the_firing_first_and_only_who_may_silences() -> None:
    found = [
        alert(AlertState.RESOLVED, ended_at=NOW - 30),
        alert(AlertState.PENDING),
        alert(AlertState.FIRING, silenced_until=NOW + 600),
    ]
    rows = tables.alerts(found, NOW, True)
    assert [row["cells"]["state"]["text"] for row in rows] == ["firing", "pending", "resolved"]
    actions = [[each["id"] for each in row["cells"]["silence"]["actions"]] for row in rows]
    assert actions == [["end"], ["1 h", "8 h", "24 h"], []]
    assert rows[0]["cells"]["until"]["text"].startswith("silent until 2023-11-14")
    assert rows[2]["cells"]["until"]["text"] == "resolved 30 s ago"
    assert {row["cells"]["silence"] for row in tables.alerts(found, NOW, False)} == {"—"}
    assert len({row["key"] for row in tables.alerts([*found, alert(AlertState.FIRING)], NOW, True)}) == 1


def test_deliveries_tell_what_went_wrong() -> None:
    good, bad = tables.deliveries([Delivery("mail", NOW, "t", "delivered"), Delivery("m", NOW, "t", "x", "550")], NOW)
    assert good["cells"]["outcome"]["tone"] == "state good"
    assert (bad["cells"]["outcome"]["tone"], bad["cells"]["outcome"]["note"]) == ("state bad", "550")


def test_the_kind_of_an_event_is_a_class_only_when_it_is_known() -> None:
    rows = tables.events([Event(0, "alert", {}, "x"), Event(0, "x evil", {"model": "m"}, "x")])
    assert [row["cells"]["kind"]["tone"] for row in rows] == ["kind alert", "kind "]
    assert rows[1]["cells"]["what"]["note"] == "model m"


@pytest.mark.parametrize(
    ("a", "b", "written"),
    [
        (1.0, 2.0, "+100 %"),
        (2.0, 1.0, "-50 %"),
        (1.0, 1.001, "same"),
        (0.0, 1.0, "—"),
        (None, 1.0, "—"),
        (1.0, None, "—"),
    ],
)
def test_what_more_the_second_is(a: float | None, b: float | None, written: str) -> None:
    assert tables.ratio(a, b) == written


def test_a_comparison_has_a_row_for_each_measure() -> None:
    one = Compared(1.0, 0.0, {"p50": 0.001, "p99": 0.01}, 2.0**30, 0.5)
    rows = tables.compared(one, one._replace(requests=2.0, quantiles={"p50": 0.001, "p99": None}))
    assert [row["key"] for row in rows] == ["Requests", "Errors", "p50", "p99", "Memory", "CPU cores"]
    assert [row["cells"]["ratio"] for row in rows] == ["+100 %", "—", "same", "—", "same", "same"]


def test_machines_show_their_share_of_memory() -> None:
    (row,) = tables.hosts({("h",): 0.5}, {("h",): 2.0**30}, {("h",): 2.0**32})
    assert row["cells"]["cpu"] == "50 %"
    assert row["cells"]["memory"] == {"text": "1 GiB", "note": "25 % of 4 GiB"}


@pytest.mark.parametrize(
    ("targets", "begin"),
    [
        ([], "No server is looked at: name one, as in"),
        ([TargetStatus("a", "u", True)], ""),
        ([TargetStatus("a", "u"), TargetStatus("b", "u", True)], ""),
        ([TargetStatus("a", "u")], "No server was asked yet"),
        ([TargetStatus("a", "u", False, "refused", NOW)], "No server answers: a: refused. Check"),
        (
            [TargetStatus(str(n), "u", False, "r", NOW) for n in range(5)],
            "No server answers: 0: r; 1: r; 2: r (and 2 more)",
        ),
    ],
)
def test_what_is_wrong_with_all_servers_is_said_with_what_to_do(targets: list[TargetStatus], begin: str) -> None:
    said = tables.problem(targets)
    assert said.startswith(begin)
    assert bool(said) == bool(begin)


@pytest.mark.parametrize(
    ("alerts", "said"),
    [
        pytest.param([], "", id="no-alert"),
        pytest.param([alert(AlertState.FIRING)], "", id="another-alert"),
        pytest.param([history(AlertState.FIRING)], "Since 2023-11-14 22:12:20 UTC: x is\\nfull", id="stopped"),
        pytest.param([history(AlertState.RESOLVED)], "", id="goes-on"),
    ],
)
def test_history_that_stopped_is_said_until_it_goes_on(alerts: list[AlertStatus], said: str) -> None:
    assert tables.stopped(alerts) == said
