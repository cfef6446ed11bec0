"""A service level objective: which latencies a rate must keep to count as one the server can take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from seaway.bench.generator import Measurement
from seaway.errors import InvalidArgument

FIGURES = ("mean", "p50", "p90", "p95", "p99", "p99.9", "max")
_UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}
_FORM = re.compile(r"(?P<figure>[a-z0-9.]+)\s*=\s*(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>us|ms|s)")
# An open loop that answers less than this share of what falls due is falling behind, whatever its latencies still are.
_LEAST_SHARE = 0.95


@dataclass(frozen=True, slots=True)
class Bound:
    """One latency figure and the most it may be."""

    figure: str
    micros: float

    def __str__(self) -> str:
        """Return the bound as a user writes it."""
        unit, scale = next((pair for pair in reversed(_UNITS.items()) if self.micros >= pair[1]), ("us", 1.0))
        return f"{self.figure}={self.micros / scale:g}{unit}"


@dataclass(frozen=True, slots=True)
class Objective:
    """Bounds that all have to be kept, and the share of requests that may fail."""

    bounds: tuple[Bound, ...]
    failed_share: float = 0.001


def parse_objective(text: str) -> Objective:
    """Return the objective that `p99=20ms`, or several such bounds with commas between them, describes.

    Raises:  InvalidArgument - the text has another form.
    """
    return Objective(tuple(_bound(part.strip()) for part in text.split(",")))


def violations(objective: Objective, measured: Measurement) -> Sequence[str]:
    """Return how a measurement breaks the objective, a phrase each; nothing when it is kept."""
    asked = measured.succeeded + measured.failed + measured.unanswered
    if measured.succeeded == 0:
        return ["nothing succeeded"]
    found = [
        f"{bound.figure} {measured.latency_micros[bound.figure] / 1e3:.1f} ms > {bound.micros / 1e3:g} ms"
        for bound in objective.bounds
        if measured.latency_micros[bound.figure] > bound.micros
    ]
    if measured.unanswered:
        found.append(f"{measured.unanswered} unanswered")
    if measured.failed > asked * objective.failed_share:
        found.append(f"{measured.failed} of {asked} failed")
    if measured.rate is not None and measured.per_second < measured.rate * _LEAST_SHARE and _is_regular(measured):
        found.append(f"{measured.per_second:.0f}/s answered of {measured.rate:.0f}/s")
    return found


def _is_regular(measured: Measurement) -> bool:
    """Whether so many requests fell due that their number says something about the rate."""
    return (measured.rate or 0.0) * measured.seconds >= 400  # noqa: PLR2004 - then 5 % is one deviation of a Poisson count


def _bound(text: str) -> Bound:
    form = _FORM.fullmatch(text)
    if form is None or form["figure"] not in FIGURES or float(form["number"]) <= 0:
        raise InvalidArgument(
            f"--slo {text!r} is not FIGURE=TIME, for instance p99=20ms; figures: {', '.join(FIGURES)}; "
            "times in us, ms or s"
        )
    return Bound(form["figure"], float(form["number"]) * _UNITS[form["unit"]])
