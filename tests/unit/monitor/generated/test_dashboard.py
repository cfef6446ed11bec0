"""A small dashboard, as Grafana reads it."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.monitor.generated.dashboard import Dashboard, Panel, Row, Target, Variable, chart, dashboard_json
from seaway.monitor.generated.series import Catalogue, UnknownSeriesError

CATALOGUE = Catalogue(
    [{"name": "depth", "kind": "gauge", "labels": ["model"], "help": "Requests that wait.", "unit": "requests"}]
)
DEPTH = CATALOGUE.series("depth")
BY_MODEL = DEPTH.now().sum_by("model")


def written(*panels: Panel, variables: tuple[Variable, ...] = ()) -> dict[str, Any]:
    again = chart("Again", "short", BY_MODEL)
    rows = (Row("First", panels or (again,)), Row("Second", (again,)))
    return dashboard_json(CATALOGUE, Dashboard("uid", "Title", variables, rows))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_panels_of_a_row_share_its_width_and_the_next_row_is_below(number: int) -> None:
    panels = written(*[chart(f"{each}", "short", BY_MODEL) for each in range(number)])["panels"]
    places = [(each["gridPos"]["x"], each["gridPos"]["y"], each["gridPos"]["w"]) for each in panels]
    width = 24 // number
    assert places == [(0, 0, 24), *((each * width, 1, width) for each in range(number)), (0, 9, 24), (0, 10, 24)]
    assert [each["id"] for each in panels] == list(range(1, number + 4))


def test_a_panel_says_what_the_catalogue_says_of_its_metric() -> None:
    (panel,) = [each for each in written(chart("Depth", "short", BY_MODEL))["panels"] if each["title"] == "Depth"]
    assert panel["description"] == CATALOGUE.meanings("depth")
    assert "Requests that wait." in panel["description"]


@pytest.mark.parametrize(
    ("target", "legend"),
    [
        (Target(BY_MODEL), "{{model}}"),
        (Target(BY_MODEL, "p99"), "p99 {{model}}"),
        (Target(DEPTH.now().sum_by()), "all"),
        (Target(DEPTH.now().sum_by(), "queued"), "queued"),
    ],
)
def test_a_legend_is_a_prefix_and_the_labels_that_are_left(target: Target, legend: str) -> None:
    assert target.legend == legend


def test_a_table_shows_what_is_now_and_a_chart_what_was() -> None:
    panels = written(Panel("Table", "short", (Target(BY_MODEL),), table=True), chart("Chart", "short", BY_MODEL))
    table, line = panels["panels"][1:3]
    assert [(each["type"], each["targets"][0]["instant"]) for each in (table, line)] == [
        ("table", True),
        ("timeseries", False),
    ]


@pytest.mark.parametrize(("several", "all_"), [(True, ".*"), (False, None)])
def test_a_choice_of_several_has_all_of_them_even_without_a_label(several: bool, all_: str | None) -> None:
    data_source, choice = written(variables=(Variable("model", DEPTH, several),))["templating"]["list"]
    assert data_source["name"] == "datasource"
    assert (choice["query"]["query"], choice["multi"], choice["allValue"]) == (
        "label_values(depth, model)",
        several,
        all_,
    )


def test_a_variable_without_its_label_is_refused() -> None:
    with pytest.raises(UnknownSeriesError, match="no label version"):
        written(variables=(Variable("version", DEPTH),))
