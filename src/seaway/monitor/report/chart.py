"""Charts as SVG text: lines over time, with what happened. Pure. No script, nothing fetched, names escaped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 720, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 12, 12, 26
_TICKS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TIMES = 6
_DAY_S = 86_400

Points = Sequence[float | None]


class Line(NamedTuple):
    """Values at the chart's moments, None where there is none. `style` is a class of the page's style sheet."""

    style: str
    points: Points


class Band(NamedTuple):
    """A time that stands out. Units: seconds since the Unix epoch."""

    begin: float
    end: float
    name: str


class Mark(NamedTuple):
    """A moment that stands out. Units: seconds since the Unix epoch."""

    at: float
    name: str


class Chart(NamedTuple):
    """Lines over the same moments, rising, in seconds since the Unix epoch."""

    name: str
    moments: Sequence[float]
    lines: Sequence[Line]
    written: Callable[[float], str]
    bands: Sequence[Band] = ()
    marks: Sequence[Mark] = ()


def drawn(chart: Chart) -> str:
    """Return a chart as an SVG element; nothing to draw is said in words."""
    there = [value for line in chart.lines for value in line.points if value is not None]
    if not there:
        return '<p class="none">nothing was recorded</p>'
    levels = ticks(min(0.0, *there), max(there))
    low, high = levels[0], levels[-1]
    first, last = chart.moments[0], chart.moments[-1]

    def across(at: float) -> float:
        share = (at - first) / (last - first) if last > first else 0.5
        return _LEFT + min(1.0, max(0.0, share)) * (WIDTH - _LEFT - _RIGHT)

    def up(value: float) -> float:
        return HEIGHT - _BOTTOM - (value - low) / (high - low) * (HEIGHT - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.name)}">']
    for band in chart.bands:
        begin, end = across(band.begin), across(band.end)
        parts.append(
            f'<rect class="band" x="{begin:.1f}" y="{_TOP}" width="{max(1.0, end - begin):.1f}" '
            f'height="{HEIGHT - _TOP - _BOTTOM}"><title>{escape(band.name)}</title></rect>'
        )
    for level in levels:
        parts.append(f'<path class="grid" d="M{_LEFT} {up(level):.1f}H{WIDTH - _RIGHT}"/>')
        parts.append(
            f'<text x="{_LEFT - 6}" y="{up(level) + 4:.1f}" class="left">{escape(chart.written(level))}</text>'
        )
    for number in range(_TIMES):
        at = first + (last - first) * number / (_TIMES - 1)
        place = "first" if number == 0 else "last" if number == _TIMES - 1 else "between"
        text = time_text(at, last - first)
        parts.append(f'<text x="{across(at):.1f}" y="{HEIGHT - 8}" class="{place}">{text}</text>')
    for mark in chart.marks:
        x = across(mark.at)
        parts.append(
            f'<path class="mark" d="M{x:.1f} {_TOP}V{HEIGHT - _BOTTOM}"><title>{escape(mark.name)}</title></path>'
        )
    for line in chart.lines:
        for run in runs(line.points):
            path = "L".join(f"{across(chart.moments[place]):.1f} {up(value):.1f}" for place, value in run)
            # A single point is a line of no length, which round ends make visible.
            parts.append(f'<path class="line {escape(line.style)}" d="M{path}{"h0" if len(run) == 1 else ""}"/>')
    return "".join((*parts, "</svg>"))


def runs(points: Points) -> list[list[tuple[int, float]]]:
    """Return the stretches without gaps, each value with its place."""
    found: list[list[tuple[int, float]]] = [[]]
    for place, value in enumerate(points):
        if value is None:
            found.append([])
        else:
            found[-1].append((place, value))
    return [run for run in found if run]


def ticks(low: float, high: float, number: int = 4) -> list[float]:
    """Return round values that begin at or below `low` and end at or above `high`, about so many."""
    rough = max(high - low, 1e-9) / number
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * each for each in _TICKS if size * each >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * each for each in range(first, max(last, first + 1) + 1)]


def time_text(at: float, length_s: float) -> str:
    """Return a moment (UTC) as finely as an axis of this length needs."""
    form = "%H:%M" if length_s <= _DAY_S else "%d %b %H:%M" if length_s <= 4 * _DAY_S else "%d %b"
    return datetime.fromtimestamp(at, timezone.utc).strftime(form)
