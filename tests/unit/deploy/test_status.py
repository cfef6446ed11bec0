"""What a deployment looks like, and how it is told."""

from __future__ import annotations

import pytest

from seaway.cli.deploy.init import project_name
from seaway.cli.deploy.look import entry_line, shown, traffic_text
from seaway.deploy.history import Entry
from seaway.deploy.observed import Observed, ObservedIngress, ObservedMonitor, PublishedNow, Replica, State
from seaway.deploy.status import ModelStatus, status
from seaway.fleet.published import Published, PublishedModel, Traffic
from seaway.fleet.report import ModelReport, Report, VersionReport

PUBLISHED = Published((PublishedModel("mnist", "mnist", (6,), traffic=Traffic(6)),))
REPLICAS = (
    Replica("digits-1", "s", State.READY, generation=3, applied=True),
    Replica("digits-2", "s", State.UNREADY, generation=2, applied=True, reason="it does not report"),
)


def report(name: str, state: str, error: str = "") -> Report:
    return Report(name, 1.0, 1.0, 3, in_flight=2, models=(ModelReport("mnist", (VersionReport(6, state, error),)),))


def test_replicas_and_models_are_told_with_what_is_wrong() -> None:
    observed = Observed(True, ObservedIngress("i"), REPLICAS, PublishedNow(3, PUBLISHED.digest))
    reports = [report("digits-1", "AVAILABLE"), report("digits-2", "END", "an unknown op")]
    found = status(("digits", "docker"), observed, PUBLISHED, reports, {"mnist": (5, 6, 7, 8)})
    assert [(each.name, each.state, each.is_current, each.reason) for each in found.replicas] == [
        ("digits-1", "ready", True, ""),
        ("digits-2", "unready", False, "it does not report"),
    ]
    (model,) = found.models
    assert (model.live, model.serving, model.newer, model.problems) == (6, 1, (7, 8), ("version 6: an unknown op",))
    lines = [each for each in shown(found) if isinstance(each, str)]
    assert lines == [
        "digits on docker: ingress running, generation 3",
        "mnist 8 is in the store: `seaway rollout mnist 8` brings it in",
    ]


@pytest.mark.parametrize(
    ("monitor", "told"),
    [
        pytest.param(ObservedMonitor("m", place="127.0.0.1:8502"), "monitor: http://127.0.0.1:8502/", id="its-page"),
        pytest.param(
            ObservedMonitor("m", False, "it ends again and again"), "monitor: it ends again and again", id="why"
        ),
        pytest.param(ObservedMonitor("m", False), "monitor: not running", id="nobody-knows-why"),
        pytest.param(None, None, id="none"),
    ],
)
def test_the_monitor_is_told_by_its_address_or_by_what_is_wrong(
    monitor: ObservedMonitor | None, told: str | None
) -> None:
    observed = Observed(True, ObservedIngress("i"), REPLICAS, PublishedNow(3, PUBLISHED.digest), monitor=monitor)
    lines = [each for each in shown(status(("digits", "docker"), observed, PUBLISHED, [], {})) if isinstance(each, str)]
    assert [line for line in lines if line.startswith("monitor")] == ([told] if told else [])


def test_nothing_is_said_to_be_nothing() -> None:
    found = status(("digits", "docker"), Observed(), None, [], {})
    assert list(shown(found)) == ["digits is not deployed on docker; `seaway deploy` does that"]


def test_traffic_in_words() -> None:
    assert traffic_text(ModelStatus("m", 6, (6,))) == "all on 6"
    moving = ModelStatus("m", 6, (6, 7), Traffic(6, 7, canary=0.1, shadow=0.5))
    assert traffic_text(moving) == "10% on 7, 50% copied to it, the rest on 6"


def test_a_change_in_one_line() -> None:
    entry = Entry(
        4, 0.0, "ann@desk", "deploy", "seaway.yaml asks for it", ("a", "b"), 1, "failed", "no such image", 2.5
    )
    assert entry_line(entry) == (
        "#4 1970-01-01 00:00:00 UTC ann@desk `deploy` (seaway.yaml asks for it): failed in 2.5 s, 1 of 2 steps: "
        "no such image"
    )


def test_a_directory_gives_a_project_its_name() -> None:
    names = ["My Models", "digits", "2024-models", "---", "x" * 60]
    assert [project_name(name) for name in names] == ["my-models", "digits", "models-2024-models", "models", "x" * 40]
