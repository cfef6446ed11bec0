"""Whether figures are a reason to change engines: pure functions.

Two things matter to users, how many requests a machine answers and how long one takes, and an engine may win one and
lose the other. The gain is their geometric mean; neither may become clearly worse; and a gain within the noise of a
shared machine is none, because a change has a price too (another process, other rounding).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

from seaway.serving.trial.outcome import Decision, Figures, Tried

LEAST_RATIO = 0.9
"""What neither ratio may fall below, unless a smaller gain than that is asked."""


def judge(engine: str, base: Figures, figures: Figures, least_gain: float) -> tuple[bool, str]:
    """Return whether a candidate should take over, and why, in one sentence for the status."""
    least_ratio = min(LEAST_RATIO, least_gain)
    throughput = figures.requests_per_s / base.requests_per_s
    speed = base.p50_us / figures.p50_us
    measured = f"{throughput:.2f} times the throughput, {speed:.2f} times the speed of one request"
    if min(throughput, speed) < least_ratio:
        return False, f"{engine} has {measured}; neither may be below {least_ratio:g}"
    if sqrt(throughput * speed) < least_gain:
        return False, f"{engine} has {measured}; together at least {least_gain:g} is asked"
    return True, f"{engine} has {measured}"


def choose(base: str, tried: Sequence[Tried], now_s: float) -> Decision:
    """Return the decision that a version's trials lead to: the largest gain, or the engine before."""
    faster = [each for each in tried if each.result == "faster"]
    if faster:
        best = max(faster, key=gain)
        return Decision(best.engine, base, best.why, tuple(tried), now_s)
    if not tried:
        return Decision(base, base, "no other engine is installed that could take it", (), now_s)
    return Decision(base, base, f"{base} stays: no engine that answers the same is faster", tuple(tried), now_s)


def gain(tried: Tried) -> float:
    """Return the geometric mean of a trial's ratios."""
    return sqrt(tried.throughput_ratio * tried.speed_ratio)
