"""Axes and charts."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from seaway.bench.svg import Axis, Series, line_chart, linear_axis, nines, percentile_axis, stacked_bars


@pytest.mark.parametrize(
    ("highest", "last", "count"),
    [
        pytest.param(10.0, 10.0, 6, id="exact"),
        pytest.param(7.3, 8.0, 5, id="above"),
        pytest.param(0.00042, 0.0005, 6, id="small"),
        pytest.param(123_456.0, 125_000.0, 6, id="large"),
        pytest.param(0.0, 1e-9, None, id="nothing"),
    ],
)
def test_an_axis_ends_at_a_round_number_not_below_the_highest(highest: float, last: float, count: int | None) -> None:
    axis = linear_axis("x", highest)
    assert axis.ticks[0][0] == 0
    assert axis.ticks[-1][0] == pytest.approx(last)
    assert count is None or len(axis.ticks) == count
    assert axis.place(axis.ticks[-1][0]) == 1.0


def test_every_nine_is_as_wide_as_the_one_before() -> None:
    axis = percentile_axis(0.9995)
    assert [text for _, text in axis.ticks] == ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %"]
    assert axis.place(nines(0.99)) - axis.place(nines(0.9)) == pytest.approx(
        axis.place(nines(0.999)) - axis.place(nines(0.99))
    )
    assert percentile_axis(0.3).ticks[-1][1] == "90 %"


def test_a_chart_is_well_formed_and_draws_what_lies_within_its_axes() -> None:
    x, y = Axis("t & u", [(0.0, "0"), (10.0, "10")]), Axis("<y>", [(0.0, "0"), (1.0, "1")])
    series = [Series("a", [(0, 0), (5, 0.5), (20, 0.5)]), Series("b", [(5, 1), (5, 2)], line=False)]
    root = ET.fromstring(line_chart("A < B", x, y, series, (0.5, "half")))
    tag = "{http://www.w3.org/2000/svg}"
    (line,) = root.iter(f"{tag}polyline")
    assert len(line.attrib["points"].split()) == 2
    assert len(list(root.iter(f"{tag}circle"))) == 1
    assert [one for one in root.iter(f"{tag}line") if one.get("class") == "mark"]


def test_a_bar_is_as_long_as_its_parts() -> None:
    root = ET.fromstring(stacked_bars("stages", {"A": {"run": 30.0, "queue": 10.0}, "B": {"run": 20.0}}, "µs"))
    tag = "{http://www.w3.org/2000/svg}"
    widths = [float(one.attrib["width"]) for one in root.iter(f"{tag}rect") if one.find(f"{tag}title") is not None]
    assert widths[0] == pytest.approx(3 * widths[1], rel=0.01)
    assert widths[0] == pytest.approx(1.5 * widths[2], rel=0.01)
