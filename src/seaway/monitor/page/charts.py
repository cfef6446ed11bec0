"""Lines to options of ECharts. Pure.

Names reach a chart as values only, never as keys and never in a formatter: NiceGUI evaluates keys that begin with `:`
as JavaScript, and ECharts reads `{…}` in formatters. The tooltip is drawn on the canvas (`richText`), not as HTML. All
JavaScript in here is constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from seaway.monitor.page import text
from seaway.monitor.page.reading import Line, Points
from seaway.monitor.store.store import Event

Options = dict[str, Any]

# Readable on white and on nearly black, told apart with the common colour blindnesses.
PALETTE = ("#3d8bfd", "#f08c2e", "#20a39e", "#d6568f", "#8b6fe8", "#8a9a2b", "#c2573a", "#5b8aa6")
_FAINT, _MUTED = "rgba(128,140,155,0.22)", "#7d8896"
EVENT_COLORS = {
    "alert": "#e5484d",
    "version": "#3d8bfd",
    "rollout": "#8b6fe8",
    "restart": "#f08c2e",
    "deployment": "#20a39e",
    "load": "#c2573a",
}
MOST_LINES = 24
"""More than so many lines tell nothing, and slow the browser down."""
MOST_MARKS = 40
_FEW = 10

_NUMBER = "Math.abs(v)>=1e9?+(v/1e9).toPrecision(3)+' G':Math.abs(v)>=1e6?+(v/1e6).toPrecision(3)+' M':\
Math.abs(v)>=1e4?+(v/1e3).toPrecision(3)+' k':+(+v).toPrecision(3)+''"
FORMATS = {
    "number": f"v=>v==null?'—':({_NUMBER})",
    "rate": f"v=>v==null?'—':({_NUMBER})+'/s'",
    "seconds": "v=>v==null?'—':v===0?'0':v<1e-3?+(v*1e6).toPrecision(3)+' µs':v<1?+(v*1e3).toPrecision(3)+' ms':\
+(+v).toPrecision(3)+' s'",
    "bytes": "v=>{if(v==null)return '—';const u=['B','KiB','MiB','GiB','TiB'];let i=0;\
while(Math.abs(v)>=1024&&i<4){v/=1024;i++}return +v.toPrecision(3)+' '+u[i]}",
    "share": "v=>v==null?'—':+(v*100).toPrecision(3)+' %'",
}
WRITTEN = {"number": text.number, "rate": text.rate, "seconds": text.seconds, "bytes": text.size, "share": text.share}


class Drawn(NamedTuple):
    """A line with the name that the legend shows."""

    name: str
    points: Points


class Mark(NamedTuple):
    """An event on the time axis. `number` is its number in the list of events."""

    at: int
    number: int
    kind: str


class Content(NamedTuple):
    """What a chart shows. Units: start and end in milliseconds since the Unix epoch."""

    unit: str
    lines: Sequence[Drawn]
    start: int
    end: int
    is_stacked: bool = False
    marks: Sequence[Mark] = ()
    top: float | None = None


def named(lines: Sequence[Line], *labels: str, otherwise: str = "all") -> list[Drawn]:
    """Return lines that are named by their labels' values, distinctly."""
    found: list[Drawn] = []
    seen: dict[str, int] = {}
    for line in lines:
        parts = [text.visible(line.labels[label], 40) for label in labels if line.labels.get(label)]
        name = " · ".join(parts) or otherwise
        seen[name] = seen.get(name, 0) + 1
        # The legend joins lines of the same name, and two names may look the same once they are cut.
        found.append(Drawn(name if seen[name] == 1 else f"{name} ({seen[name]})", line.points))
    return found


def merged(**lines: Sequence[Line]) -> list[Drawn]:
    """Return one line for each question that was answered by one, named by it."""
    return [Drawn(name, found[0].points) for name, found in lines.items() if found]


def marks(events: Sequence[Event]) -> list[Mark]:
    """Return the events as marks, numbered as in a list that has the newest first."""
    return [Mark(event.at, number, event.kind) for number, event in enumerate(events[:MOST_MARKS], 1)]


def about(events: Sequence[Event], model: str) -> list[Event]:
    """Return the events that are about a model, or about no model in particular."""
    return [event for event in events if event.labels.get("model", model) == model]


def options(content: Content) -> Options:
    """Return what ECharts draws."""
    lines = list(content.lines)[:MOST_LINES]
    top, step = scale(top_of([outline(content)]) if content.top is None else content.top, content.unit)
    return {
        "animation": False,
        "useUTC": True,
        "color": list(PALETTE),
        "textStyle": {"fontFamily": "Inter, system-ui, sans-serif"},
        "grid": {
            "left": 8,
            "right": 14,
            "top": 34 if content.marks or len(lines) > 1 else 16,
            "bottom": 6,
            "containLabel": True,
        },
        "legend": {
            "type": "scroll",
            "show": len(lines) > 1,
            "data": [line.name for line in lines],
            "top": 0,
            "left": 0,
            "right": 44,
            "icon": "roundRect",
            "itemWidth": 10,
            "itemHeight": 4,
            "textStyle": {"color": _MUTED, "fontSize": 11, "overflow": "truncate", "width": 180},
            "pageIconColor": _MUTED,
            "pageTextStyle": {"color": _MUTED},
        },
        "tooltip": {
            "trigger": "axis",
            "renderMode": "richText",
            "confine": True,
            "order": "valueDesc",
            "backgroundColor": "#1d2733",
            "borderWidth": 0,
            "padding": [8, 10],
            "textStyle": {"color": "#f3f6f9", "fontSize": 11},
            "axisPointer": {"lineStyle": {"color": _MUTED, "width": 1}},
            ":valueFormatter": FORMATS[content.unit],
        },
        "xAxis": {
            "type": "time",
            "min": content.start,
            "max": content.end,
            "splitNumber": 5,
            "axisLine": {"lineStyle": {"color": _FAINT}},
            "axisTick": {"show": False},
            "axisLabel": {"color": _MUTED, "fontSize": 10, "hideOverlap": True},
            "splitLine": {"show": False},
        },
        "yAxis": {
            "type": "value",
            "min": 0,
            "max": top,
            "interval": step,
            "axisLabel": {"color": _MUTED, "fontSize": 10, ":formatter": FORMATS[content.unit]},
            "splitLine": {"lineStyle": {"color": _FAINT}},
        },
        # The wheel and one finger scroll the page; with Shift the wheel zooms, and so do two fingers.
        "dataZoom": [
            {
                "type": "inside",
                "zoomOnMouseWheel": "shift",
                "moveOnMouseMove": "shift",
                "moveOnMouseWheel": False,
                "filterMode": "none",
            }
        ],
        "toolbox": {
            "show": True,
            "right": 4,
            "top": -9,
            "itemSize": 11,
            "itemGap": 7,
            "iconStyle": {"borderColor": _MUTED},
            "feature": {
                "dataZoom": {
                    "yAxisIndex": "none",
                    "filterMode": "none",
                    "title": {"zoom": "Zoom", "back": "Zoom out"},
                    "brushStyle": {"color": "rgba(61,139,253,0.2)", "borderWidth": 0},
                }
            },
        },
        "series": [*(_series(line, content.is_stacked, len(lines) == 1) for line in lines), _events(content)],
    }


def _series(line: Drawn, is_stacked: bool, is_alone: bool) -> Options:
    return {
        "type": "line",
        "name": line.name,
        "data": [[at, value] for at, value in line.points],
        # A point without neighbours is seen only as a symbol.
        "showSymbol": sum(value is not None for _, value in line.points) < _FEW,
        "symbolSize": 5,
        "connectNulls": False,
        "lineStyle": {"width": 1.6},
        "stack": "all" if is_stacked else None,
        "areaStyle": {"opacity": 0.45 if is_stacked else 0.09 if is_alone else 0},
        "emphasis": {"disabled": True},
    }


def _events(content: Content) -> Options:
    """A line without points that carries the marks, so that they are there while there is nothing else."""
    return {
        "type": "line",
        "name": "events",
        "data": [],
        "silent": True,
        "tooltip": {"show": False},
        "markLine": {
            "symbol": "none",
            "silent": True,
            "animation": False,
            "data": [
                {
                    "xAxis": mark.at,
                    "lineStyle": {"color": EVENT_COLORS.get(mark.kind, _MUTED), "type": "dashed", "width": 1},
                    "label": {
                        "formatter": str(mark.number),
                        "position": "end",
                        "distance": 2,
                        "fontSize": 9,
                        "color": EVENT_COLORS.get(mark.kind, _MUTED),
                    },
                }
                for mark in content.marks
                if content.start <= mark.at <= content.end
            ],
        },
    }


def top_of(groups: Sequence[Sequence[Drawn]]) -> float | None:
    """Return the largest value of charts that share a scale, or None when there is none above 0."""
    values = [value for lines in groups for line in lines for _, value in line.points if value is not None]
    return max(values) if values and max(values) > 0 else None


def outline(content: Content) -> Sequence[Drawn]:
    """Return the line that is on top of a stack, or the lines themselves."""
    if not content.is_stacked or not content.lines:
        return content.lines
    columns = zip(*(line.points for line in content.lines[:MOST_LINES]), strict=True)
    return [Drawn("top", [(column[0][0], sum(value or 0.0 for _, value in column)) for column in columns])]


def scale(top: float | None, unit: str) -> tuple[float | None, float | None]:
    """Return the end of an axis from 0 and the step of its ticks, both round: of bytes as powers of two."""
    if top is None:
        return None, None
    least = top / 4
    if unit == "bytes":
        step = 2.0 ** math.ceil(math.log2(least))
    else:
        power = 10.0 ** math.floor(math.log10(least))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    return math.ceil(top / step - 1e-9) * step, step


def as_rows(content: Content) -> list[dict[str, Any]]:
    """Return a chart as a table's rows: last, smallest and largest value of each line."""
    write = WRITTEN[content.unit]
    found = []
    for number, line in enumerate(content.lines[:MOST_LINES]):
        values = [value for _, value in line.points if value is not None]
        cells = {
            "line": line.name,
            "last": write(values[-1] if values else None),
            "low": write(min(values, default=None)),
            "high": write(max(values, default=None)),
        }
        found.append({"key": str(number), "cells": cells})
    return found
