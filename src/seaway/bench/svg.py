"""Charts as SVG text: lines over two axes, and stacked bars. No script, no font, nothing fetched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 34, 44
COLOURS = ("#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#475569")
_BAR_HEIGHT = 26
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """What an axis shows, from its first tick to its last."""

    label: str
    ticks: Sequence[tuple[float, str]]

    def place(self, value: float) -> float:
        """Return where a value lies: 0 at the first tick, 1 at the last."""
        low, high = self.ticks[0][0], self.ticks[-1][0]
        return (value - low) / (high - low) if high > low else 0.0


@dataclass(frozen=True, slots=True)
class Series:
    """A named line; without a line, its points alone."""

    name: str
    points: Sequence[tuple[float, float]]
    line: bool = True


def linear_axis(label: str, highest: float, count: int = 6) -> Axis:
    """Return an axis from zero to at least `highest`, with about `count` round ticks."""
    rough = max(highest, 1e-9) / count
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(step * magnitude for step in _STEPS if step * magnitude >= rough * (1 - 1e-9))
    ticks = range(math.ceil(max(highest, 1e-9) / step - 1e-9) + 1)
    return Axis(label, [(tick * step, f"{tick * step:g}") for tick in ticks])


def percentile_axis(highest: float) -> Axis:
    """Return an axis of percentiles up to `highest`, on which every further nine is as wide as the one before."""
    named = [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %")]
    named.append((0.99999, "99.999 %"))
    last = next((index for index, (quantile, _) in enumerate(named) if quantile >= highest), len(named) - 1)
    return Axis("percentile", [(nines(quantile), text) for quantile, text in named[: max(last, 2) + 1]])


def nines(quantile: float) -> float:
    """Return where a quantile lies on a percentile axis: 0.9 → 1, 0.99 → 2."""
    return -math.log10(max(1.0 - quantile, 1e-9))


def line_chart(title: str, x: Axis, y: Axis, series: Sequence[Series], mark: tuple[float, str] | None = None) -> str:
    """Return a chart of lines, with a dashed line at `mark` where that is given; points beyond an axis are left out."""
    parts = [_open(title, HEIGHT), _grid(x, y)]
    if mark and 0 <= y.place(mark[0]) <= 1:
        level = _y(y, mark[0])
        parts.append(f'<line class="mark" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{level:.1f}" y2="{level:.1f}"/>')
        parts.append(_text(WIDTH - _RIGHT, level - 5, mark[1], "end"))
    parts += [_line(x, y, one, COLOURS[index % len(COLOURS)]) for index, one in enumerate(series)]
    return "".join([*parts, _legend([one.name for one in series]), "</svg>"])


def stacked_bars(title: str, bars: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Return one horizontal bar per name, made of its parts, which share colours and a scale."""
    axis = linear_axis(unit, max((sum(parts.values()) for parts in bars.values()), default=0.0))
    names = list(dict.fromkeys(name for parts in bars.values() for name in parts))
    height = _TOP + _BOTTOM + _BAR_HEIGHT * len(bars)
    drawn = [_open(title, height)]
    for row, (bar, parts) in enumerate(bars.items()):
        top, start = _TOP + row * _BAR_HEIGHT, 0.0
        drawn.append(_text(_LEFT - 8, top + 17, bar, "end"))
        for name, value in parts.items():
            left, right = _x(axis, start), _x(axis, start + value)
            drawn.append(
                f'<rect x="{left:.1f}" y="{top + 3}" width="{right - left:.1f}" height="{_BAR_HEIGHT - 6}" '
                f'fill="{COLOURS[names.index(name) % len(COLOURS)]}"><title>{escape(name)} {value:.1f} {escape(unit)}'
                "</title></rect>"
            )
            start += value
    bottom = height - _BOTTOM
    drawn += [_text(_x(axis, value), bottom + 16, text, "middle") for value, text in axis.ticks]
    drawn.append(_text((_LEFT + WIDTH - _RIGHT) / 2, bottom + 34, unit, "middle"))
    return "".join([*drawn, _legend(names), "</svg>"])


def _open(title: str, height: int) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">'
    return f'{head}<title>{escape(title)}</title><text class="title" x="{_LEFT}" y="16">{escape(title)}</text>'


def _grid(x: Axis, y: Axis) -> str:
    bottom = HEIGHT - _BOTTOM
    parts = []
    for value, text in y.ticks:
        level = _y(y, value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{level:.1f}" y2="{level:.1f}"/>')
        parts.append(_text(_LEFT - 6, level + 4, text, "end"))
    for value, text in x.ticks:
        parts.append(f'<line class="grid" x1="{_x(x, value):.1f}" x2="{_x(x, value):.1f}" y1="{_TOP}" y2="{bottom}"/>')
        parts.append(_text(_x(x, value), bottom + 16, text, "middle"))
    parts.append(_text((_LEFT + WIDTH - _RIGHT) / 2, HEIGHT - 8, x.label, "middle"))
    middle = (_TOP + bottom) / 2
    parts.append(
        f'<text transform="rotate(-90 14 {middle})" x="14" y="{middle}" text-anchor="middle">{escape(y.label)}</text>'
    )
    return "".join(parts)


def _line(x: Axis, y: Axis, series: Series, colour: str) -> str:
    inside = [point for point in series.points if 0 <= x.place(point[0]) <= 1 and 0 <= y.place(point[1]) <= 1]
    if not series.line:
        return "".join(f'<circle cx="{_x(x, a):.1f}" cy="{_y(y, b):.1f}" r="4" fill="{colour}"/>' for a, b in inside)
    points = " ".join(f"{_x(x, a):.1f},{_y(y, b):.1f}" for a, b in inside)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'


def _legend(names: Sequence[str]) -> str:
    parts, right = [], WIDTH - _RIGHT
    for index, name in reversed(list(enumerate(names))):
        parts.append(_text(right, 16, name, "end"))
        right -= 8 * len(name) + 16
        parts.append(f'<rect x="{right}" y="7" width="10" height="10" fill="{COLOURS[index % len(COLOURS)]}"/>')
        right -= 12
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - _BOTTOM - axis.place(value) * (HEIGHT - _TOP - _BOTTOM)
