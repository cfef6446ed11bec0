"""How many replicas there should be, from the load of the last minutes. Pure.

For each moment there is a recommendation: as many replicas as bring the load of each to the target, none other
where it is within 10 % of it. More are started when every recommendation of the last `up_window_s` asked for more,
as many as the least of them; some are stopped when every one of the last `down_window_s` asked for fewer, down to
the largest of them. So a short burst and a short lull change nothing. At most as many are added at once as there
are, and nothing is stopped while any replica is unheard of.

Source: the Kubernetes HorizontalPodAutoscaler (ratio, tolerance, stabilisation windows).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from seaway.deploy.autoscale.sample import Sample
from seaway.deploy.description.schema import Autoscale
from seaway.fleet.data import Data

TOLERANCE = 0.1


class Wanted(Data, frozen=True):
    """A number of replicas and its reason, for a person."""

    replicas: int
    reason: str


def decide(samples: Sequence[Sample], replicas: int, settings: Autoscale) -> Wanted:
    """Return how many replicas there should be, from samples in the order of time and how many there are."""
    if not settings.min <= replicas <= settings.max:
        bounded = min(max(replicas, settings.min), settings.max)
        return Wanted(bounded, f"{replicas} is outside of {settings.min} to {settings.max}")
    if not samples:
        return Wanted(replicas, "no replica has reported its load yet")
    now = samples[-1].at
    up = _recommendations(samples, now - settings.up_window_s, replicas, settings)
    down = _recommendations(samples, now - settings.down_window_s, replicas, settings)
    load = f"{_name(settings)} {samples[-1].total / samples[-1].replicas:.3g} per replica, target {settings.target:g}"
    if up is not None and min(up) > replicas:
        wanted = min(*up, 2 * max(1, replicas), settings.max)
        return Wanted(wanted, load) if wanted > replicas else Wanted(replicas, f"{load}, and {replicas} is the most")
    if down is not None and max(down) < replicas and samples[-1].replicas >= replicas:
        wanted = max(*down, settings.min)
        return Wanted(wanted, load) if wanted < replicas else Wanted(replicas, f"{load}, and {replicas} is the least")
    return Wanted(replicas, load)


def recommendation(sample: Sample, replicas: int, settings: Autoscale) -> int:
    """Return how many replicas one moment asks for."""
    load = sample.total / sample.replicas
    if abs(load / settings.target - 1.0) <= TOLERANCE:
        return replicas
    # A queue does not divide: twice the replicas for the same requests have far less than half of it.
    return max(1, math.ceil(load / settings.target * sample.replicas - 1e-9))


def _recommendations(samples: Sequence[Sample], since: float, replicas: int, settings: Autoscale) -> list[int] | None:
    """Return those of a window; None while there are no samples from its beginning yet."""
    if samples[0].at > since + 1e-6:
        return None
    return [recommendation(each, replicas, settings) for each in samples if each.at >= since]


def _name(settings: Autoscale) -> str:
    return {"in_flight": "requests in flight", "queue_ms": "queue ms", "cpu": "cpu %", "query": "load"}[settings.metric]
