"""Whether a rollout stays, goes on or goes back, from what both versions did in the stage so far. Pure.

A version is judged by the objective of its model and against the version before it in the same window: what both
suffer from is not the candidate's fault. Chance is kept out by confidence bounds: a share counts as above a limit
when its Wilson lower bound (99 %, one-sided) is. So 20 failures of 20 are evident at once, and 1 of 20 says nothing
yet about a limit of 1 %.

Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference (1927), for the bound.
"""

from __future__ import annotations

import math
from enum import Enum

from seaway.deploy.description.schema import Objective, Rollout
from seaway.deploy.quantities import number_of_bytes, shown_bytes
from seaway.deploy.rollout.stages import Stage
from seaway.deploy.rollout.window import Requests, Window
from seaway.fleet.data import Data

Z = 2.326
"""Of the standard normal distribution: 1 % lies above. A stage is looked at every second, so chance has many tries."""

ENOUGH_FOR_P99 = 100
"""Fewer requests have no 99th percentile worth the name."""


class Verdict(Enum):
    """What becomes of a rollout."""

    STAY = "stay"
    ADVANCE = "advance"
    ROLL_BACK = "roll back"


class Decision(Data, frozen=True):
    """A verdict and its reason, with the numbers, for a person."""

    verdict: Verdict
    reason: str


def decide(stage: Stage, seen: Window, elapsed_s: float, settings: Rollout, objective: Objective) -> Decision:
    """Return what follows from a stage's window."""
    for broken in (
        _gone(seen),
        seen.broken,
        _errors(stage, seen, objective),
        _disagreement(stage, seen, objective),
        _latency(stage, seen, settings, objective),
        _memory(seen, objective),
    ):
        if broken:
            return Decision(Verdict.ROLL_BACK, broken)
    samples = _samples(stage, seen)
    if samples < settings.min_samples:
        if elapsed_s > max(settings.patience_s, stage.seconds):
            return Decision(
                Verdict.ROLL_BACK,
                f"only {samples} of {settings.min_samples} requests in {elapsed_s:.0f} s; lower `min_samples` or raise "
                "`patience_s`",
            )
        return Decision(Verdict.STAY, f"{samples} of {settings.min_samples} requests seen")
    if elapsed_s < stage.seconds:
        return Decision(Verdict.STAY, f"{summary(stage, seen)}; {elapsed_s:.0f} of {stage.seconds:.0f} s")
    if stage.name == "bake" or not seen.live.judged or not _is_worse(_judged(stage, seen), seen.live):
        return Decision(Verdict.ADVANCE, summary(stage, seen))
    return Decision(Verdict.STAY, f"both versions fail: {summary(stage, seen)}")


def summary(stage: Stage, seen: Window) -> str:
    """Return what a window shows, in one line."""
    requests = _judged(stage, seen)
    parts = [f"{requests.judged} requests", f"{requests.server_errors} failed"]
    p99 = requests.quantile_ms(0.99)
    if p99 is not None:
        live = seen.live.quantile_ms(0.99) if stage.name != "bake" else None
        parts.append(f"p99 within {p99:.3g} ms" + (f" (before: {live:.3g} ms)" if live is not None else ""))
    if seen.compared.judged:
        parts.append(f"{seen.compared.differed} of {seen.compared.judged} answers disagree")
    if seen.compared.dropped:
        parts.append(f"{seen.compared.dropped} copies were dropped")
    return ", ".join(parts)


def lower_bound(count: int, total: int) -> float:
    """Return the Wilson lower bound of a share: the true one is above it with 99 % confidence."""
    if not total or not count:
        return 0.0
    share = count / total
    middle = share + Z * Z / (2 * total)
    spread = Z * math.sqrt(share * (1 - share) / total + Z * Z / (4 * total * total))
    return max(0.0, (middle - spread) / (1 + Z * Z / total))


def upper_bound(count: int, total: int) -> float:
    """Return the Wilson upper bound of a share."""
    return 1.0 - lower_bound(total - count, total) if total else 1.0


def _judged(stage: Stage, seen: Window) -> Requests:
    return seen.shadow if stage.name == "shadow" else seen.candidate


def _samples(stage: Stage, seen: Window) -> int:
    return seen.compared.judged if stage.name == "shadow" else seen.candidate.judged


def _gone(seen: Window) -> str:
    return f"the new version no longer serves {seen.gone}" if seen.gone else ""


def _errors(stage: Stage, seen: Window, objective: Objective) -> str:
    requests = _judged(stage, seen)
    if lower_bound(requests.server_errors, requests.judged) <= objective.error_rate:
        return ""
    if stage.name != "bake" and not _is_worse(requests, seen.live):
        return ""
    live = f"{seen.live.server_errors} of {seen.live.judged} of the version before" if stage.name != "bake" else ""
    text = f"{requests.server_errors} of {requests.judged} requests failed, allowed are {objective.error_rate:.2%}"
    return f"{text} ({live})" if live else text


def _is_worse(requests: Requests, live: Requests) -> bool:
    """Tell whether more of the one fail than of the other, beyond chance; a version nobody asked is no yardstick."""
    if not requests.server_errors or not live.judged:
        return bool(requests.server_errors)
    return lower_bound(requests.server_errors, requests.judged) > min(
        live.error_rate, upper_bound(live.server_errors, live.judged)
    )


def _disagreement(stage: Stage, seen: Window, objective: Objective) -> str:
    compared = seen.compared
    if stage.name != "shadow" or lower_bound(compared.differed, compared.judged) <= objective.disagreement:
        return ""
    return f"{compared.differed} of {compared.judged} answers disagree, allowed are {objective.disagreement:.2%}"


def _latency(stage: Stage, seen: Window, settings: Rollout, objective: Objective) -> str:
    requests = _judged(stage, seen)
    p99 = requests.quantile_ms(0.99)
    if p99 is None or sum(requests.buckets) < ENOUGH_FOR_P99:
        return ""
    # Copies run behind everybody else, so their time is no promise's measure.
    if stage.name == "shadow":
        return ""
    least = _bucket_floor_ms(requests, 0.99)
    if objective.p99_ms is not None and least >= objective.p99_ms:
        return f"p99 is above {least:.3g} ms, allowed are {objective.p99_ms:.3g} ms"
    live = seen.live.quantile_ms(0.99)
    if stage.name == "bake" or live is None or sum(seen.live.buckets) < ENOUGH_FOR_P99:
        return ""
    if least > settings.tolerance * live:
        return (
            f"p99 is above {least:.3g} ms, {settings.tolerance:g} times that of the version before (within "
            f"{live:.3g} ms) is allowed"
        )
    return ""


def _bucket_floor_ms(requests: Requests, share: float) -> float:
    """Return the lower bound of the bucket that a quantile falls into: it is at least that."""
    rank, seen, floor = share * sum(requests.buckets), 0, 0.0
    for bound, count in zip((*requests.bounds_s, math.inf), requests.buckets, strict=False):
        seen += count
        if seen >= rank:
            return floor * 1000.0
        floor = bound
    return floor * 1000.0


def _memory(seen: Window, objective: Objective) -> str:
    if objective.memory is None or seen.candidate_memory_bytes <= number_of_bytes(objective.memory):
        return ""
    taken = shown_bytes(seen.candidate_memory_bytes // 2**20 * 2**20)
    return f"the new version takes {taken} of memory, allowed are {objective.memory}"
