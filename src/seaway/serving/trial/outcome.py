"""What a trial is told and what it finds: values that cross a pipe, a file and the status, always as JSON."""

from __future__ import annotations

from typing import Literal

import msgspec

from seaway.serving.instance import LoadOptions
from seaway.settings.batching_parameters import Rules

Result = Literal["faster", "slower", "refused", "failed"]
"""`refused`: the engine does not take the version, or answers differently. `failed`: the trial came to no end."""


class Spec(msgspec.Struct, frozen=True):
    """One trial: a version, the engine it runs on, and the engine to try in its place."""

    model: str
    version: int
    path: str
    base: LoadOptions
    candidate: LoadOptions
    rules: Rules
    compare_non_finite: bool
    """Whether answers to inputs that are NaN or infinite must agree too."""
    least_gain: float
    measure_s: float
    """Length of one measurement; there are three of each kind for each engine."""


class Figures(msgspec.Struct, frozen=True):
    """How fast one engine answered."""

    p50_us: float
    """One request in flight: the middle time, in microseconds."""
    requests_per_s: float
    """Many requests in flight."""


class Tried(msgspec.Struct, frozen=True):
    """What one trial found."""

    engine: str
    result: Result
    why: str
    compared: int = 0
    """Inputs for which both engines' answers were compared and agreed."""
    recorded: int = 0
    """How many of them were recorded ones."""
    largest_difference: float = 0.0
    """Between two values, relative to the largest value of the output."""
    notes: tuple[str, ...] = ()
    base: Figures | None = None
    figures: Figures | None = None

    @property
    def throughput_ratio(self) -> float:
        """Return the candidate's rate with many in flight over the other's; 0 when it was not measured."""
        return self.figures.requests_per_s / self.base.requests_per_s if self.figures and self.base else 0.0

    @property
    def speed_ratio(self) -> float:
        """Return how much faster one request alone is answered; 0 when it was not measured."""
        return self.base.p50_us / self.figures.p50_us if self.figures and self.base else 0.0


class Decision(msgspec.Struct, frozen=True):
    """The engine that was chosen for a version, and everything that led there."""

    engine: str
    base: str
    why: str
    tried: tuple[Tried, ...] = ()
    decided_at_s: float = 0.0
    """Seconds since 1970."""


class Step(msgspec.Struct, frozen=True, tag="step"):
    """What a trial does now."""

    doing: str


class End(msgspec.Struct, frozen=True, tag="end"):
    """What a trial found."""

    tried: Tried


def rounded(tried: Tried) -> dict[str, object]:
    """Return a trial as the status shows it."""
    shown: dict[str, object] = {"engine": tried.engine, "result": tried.result, "why": tried.why}
    if tried.compared:
        shown |= {
            "compared": tried.compared,
            "recorded": tried.recorded,
            "largest_difference": float(f"{tried.largest_difference:.2g}"),
        }
    if tried.notes:
        shown["notes"] = list(tried.notes)
    for name, figures in (("before", tried.base), ("measured", tried.figures)):
        if figures is not None:
            shown[name] = {
                "p50_ms": float(f"{figures.p50_us / 1000:.4g}"),
                "requests_per_s": float(f"{figures.requests_per_s:.4g}"),
            }
    return shown
