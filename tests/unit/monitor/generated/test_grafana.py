"""Dashboards: everything they ask for exists, everything that exists is shown, and nothing lies on something else."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from seaway import _core
from seaway.monitor.generated.dashboard import SCHEMA_VERSION
from seaway.monitor.generated.grafana import MODEL, OVERVIEW, dashboards
from seaway.monitor.generated.series import Catalogue, UnknownSeriesError, compiled, metrics_of

DASHBOARDS = dashboards()
NAMES = [OVERVIEW, MODEL]


def panels(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DASHBOARDS[name]["panels"]
    return found


def expressions(name: str) -> Iterator[str]:
    for panel in panels(name):
        yield from (target["expr"] for target in panel.get("targets", ()))


def variables(name: str) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in DASHBOARDS[name]["templating"]["list"]}


def entries() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_core.metrics_catalogue())
    return found


def asked_for() -> list[str]:
    """Return the metrics of the catalogue that panels ask for, histograms by their own name."""
    asked = {metric for name in NAMES for expression in expressions(name) for metric in metrics_of(expression)}
    suffixes = ("", "_bucket", "_sum", "_count")
    return [entry["name"] for entry in entries() if asked & {entry["name"] + suffix for suffix in suffixes}]


def test_there_are_two_dashboards() -> None:
    assert list(DASHBOARDS) == NAMES
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_expression_asks_only_for_metrics_of_the_catalogue(name: str) -> None:
    catalogue = compiled()
    for expression in expressions(name):
        metrics = metrics_of(expression)
        assert metrics, expression
        assert [metric for metric in metrics if not catalogue.exposes(metric)] == [], expression


def test_every_metric_of_ours_is_on_a_dashboard() -> None:
    ours = [entry["name"] for entry in entries() if entry["name"].startswith("seaway_")]
    assert [name for name in ours if name not in asked_for()] == []


@pytest.mark.parametrize("renamed", asked_for())
def test_a_metric_that_was_renamed_makes_generation_fail(renamed: str) -> None:
    changed = [entry | {"name": "other"} if entry["name"] == renamed else entry for entry in entries()]
    with pytest.raises(UnknownSeriesError, match=renamed):
        dashboards(Catalogue(changed))


def test_a_label_that_was_renamed_makes_generation_fail() -> None:
    labels = {"stage": "phase"}
    changed = [entry | {"labels": [labels.get(label, label) for label in entry["labels"]]} for entry in entries()]
    with pytest.raises(UnknownSeriesError, match="no label stage"):
        dashboards(Catalogue(changed))


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_panels_lie_in_the_grid_without_overlap(name: str) -> None:
    ids = [panel["id"] for panel in panels(name)]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in panels(name)]
    for place in places:
        assert place["x"] >= 0
        assert place["w"] > 0
        assert place["h"] > 0
        assert place["x"] + place["w"] <= 24
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@pytest.mark.parametrize("name", NAMES)
def test_every_panel_has_a_unit_a_meaning_and_the_chosen_data_source(name: str) -> None:
    for panel in panels(name):
        if panel["type"] == "row":
            continue
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        references = [target["refId"] for target in panel["targets"]]
        assert len(set(references)) == len(references) > 0
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])


@pytest.mark.parametrize("name", NAMES)
def test_a_legend_shows_labels_that_the_expression_leaves(name: str) -> None:
    for panel in panels(name):
        for target in panel.get("targets", ()):
            grouped = re.search(r"by \(([^)]*)\)", target["expr"])
            left = {label.strip() for label in grouped[1].split(",")} - {"le"} if grouped else set()
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) == left, target


@pytest.mark.parametrize(
    ("name", "expected"),
    [(OVERVIEW, ["datasource", "model"]), (MODEL, ["datasource", "model", "version", "signature"])],
)
def test_every_variable_that_is_used_is_declared(name: str, expected: list[str]) -> None:
    assert list(variables(name)) == expected
    text = " ".join(expressions(name)) + " ".join(str(each["query"]) for each in variables(name).values())
    used = set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval"}
    assert used == set(expected) - {"datasource"}


def test_a_choice_of_several_is_matched_by_a_regular_expression() -> None:
    for name in NAMES:
        several = [each["name"] for each in variables(name).values() if each.get("multi")]
        assert several, name
        for expression in expressions(name):
            assert not re.search(rf'="\$({"|".join(several)})"', expression), expression


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_of_a_current_schema_and_plain_json(name: str) -> None:
    dashboard = DASHBOARDS[name]
    assert dashboard["schemaVersion"] == SCHEMA_VERSION >= 39
    assert json.loads(json.dumps(dashboard)) == dashboard


@pytest.mark.parametrize(
    ("name", "title", "unit"),
    [
        (OVERVIEW, "Throughput", "reqps"),
        (OVERVIEW, "Error share", "percentunit"),
        (OVERVIEW, "p99 latency", "s"),
        (OVERVIEW, "Worker memory", "bytes"),
        (MODEL, "Mean time by stage", "s"),
        (MODEL, "Tensor bytes", "Bps"),
        (MODEL, "Load time", "s"),
    ],
)
def test_units_are_those_of_the_metrics(name: str, title: str, unit: str) -> None:
    (panel,) = [panel for panel in panels(name) if panel["title"] == title]
    assert panel["fieldConfig"]["defaults"]["unit"] == unit
