"""Which servers are slower than others that serve the same. Pure.

It owns when a difference is worth a word. How latencies are read, and how a slow server is shown, it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from seaway.monitor.top.view import Slow

ENOUGH_REQUESTS = 50
"""Fewer in the window say little about a server's p99: it would be its slowest request."""
SLOW_FACTOR = 2.0


def slower_than_peers(
    p99: Mapping[tuple[str, str, str], tuple[float, float]],
) -> dict[str, tuple[Slow, ...]]:
    """Return the servers whose p99 of a version is over twice the median of the other servers that have it. Pure.

    Replicas serve the same versions: servers of different models are not compared.

    Args:    p99 - and the number of requests, by server, model and version.
    """
    peers: dict[tuple[str, str], dict[str, float]] = {}
    for (instance, model, version), (value, requests) in p99.items():
        if requests >= ENOUGH_REQUESTS:
            peers.setdefault((model, version), {})[instance] = value
    found: dict[str, tuple[Slow, ...]] = {}
    for (model, version), values in sorted(peers.items()):
        for instance, value in values.items():
            others = [each for other, each in values.items() if other != instance]
            if others and value > SLOW_FACTOR * median(others):
                found[instance] = (*found.get(instance, ()), Slow(model, version, value, median(others)))
    return found
