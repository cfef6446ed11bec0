"""What metrics say together about everything, each model, version, signature and server.

It owns which metrics are asked for and how they add up; the looks that they come from are `looks`', and what is shown
of the sums is `figures`'. A server without `seaway_*` is TensorFlow Serving: then its own metrics say what they say,
and the rest is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from seaway.monitor.histogram import coarser, common_bounds, quantile
from seaway.monitor.top.looks import Added, Seen

_MICROSECOND = 1e-6


@dataclass
class Sum:
    """What several series say together."""

    rate: float = 0.0
    requests: float = 0.0
    failed_rate: float = 0.0
    histograms: dict[tuple[float, ...], list[float]] = field(default_factory=dict)
    stages: dict[str, tuple[float, float]] = field(default_factory=dict)
    batches: tuple[float, float] = (0.0, 0.0)
    queued: float | None = None
    in_flight: float | None = None
    memory_bytes: float | None = None
    cpu_cores: float | None = None
    engines: set[str] = field(default_factory=set)

    @property
    def error_share(self) -> float | None:
        """The share of requests that failed; None without requests."""
        return self.failed_rate / self.rate if self.rate > 0 else None

    def quantile(self, share: float) -> float | None:
        """Return a quantile of all latencies, however their buckets are laid out."""
        bounds = common_bounds(list(self.histograms))
        rows = [coarser(own, counts, bounds) for own, counts in self.histograms.items()]
        found = quantile(share, bounds, [sum(column) for column in zip(*rows, strict=True)])
        return found.estimate if found is not None and math.isfinite(found.estimate) else None

    def count(self, added: Added, is_failure: bool) -> None:
        """Add requests."""
        rate = added.value / added.seconds
        self.rate += rate
        self.failed_rate += rate if is_failure else 0.0

    def take_latencies(self, added: Added, unit: float) -> None:
        """Add buckets of latencies; `unit` is what their bounds are in, in seconds."""
        self.requests += added.number
        bounds = tuple(bound * unit for bound in added.bounds)
        have = self.histograms.get(bounds) or [0.0] * (len(bounds) + 1)
        self.histograms[bounds] = [a + b for a, b in zip(have, added.buckets, strict=True)]


class Sums:
    """The same numbers summed up in all the ways that are shown."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.all = Sum()
        self.models: dict[tuple[str, str], Sum] = {}
        self.signatures: dict[tuple[str, str, str], Sum] = {}
        self.servers: dict[str, Sum] = {}
        self.peers: dict[tuple[str, str, str], Sum] = {}

    def model(self, who: Who) -> Sum:
        """Return the sum of a version."""
        return self.models.setdefault((who.model, who.version), Sum())

    def signature(self, who: Who) -> Sum:
        """Return the sum of a signature, whose version has one too."""
        self.model(who)
        return self.signatures.setdefault((who.model, who.version, who.signature), Sum())

    def server(self, who: Who) -> Sum:
        """Return the sum of a server."""
        return self.servers.setdefault(who.instance, Sum())

    def peer(self, who: Who) -> Sum:
        """Return the sum of a version on one server."""
        return self.peers.setdefault((who.instance, who.model, who.version), Sum())


class Who(NamedTuple):
    """What a series is of; what its metric does not tell apart is empty."""

    instance: str
    model: str
    version: str = ""
    signature: str = ""


def summed(seen: Seen) -> Sums:
    """Return the sums over all servers that answered."""
    sums = Sums()
    _add_seaway(seen, sums)
    _add_tensorflow(seen, sums)
    return sums


def _add_seaway(seen: Seen, sums: Sums) -> None:
    for added in seen.added("seaway_requests_total"):
        _count(sums, added, added.labels.get("code") != "OK")
    for added in seen.added("seaway_request_seconds"):
        _take_latencies(sums, added, 1.0)
    for added in seen.added("seaway_request_stage_seconds"):
        stage, who = added.labels.get("stage", ""), _who(added.labels)
        for each in (sums.model(who), sums.signature(who)):
            seconds, number = each.stages.get(stage, (0.0, 0.0))
            each.stages[stage] = (seconds + added.value, number + added.number)
    for added in seen.added("seaway_batch_rows"):
        who = _who(added.labels)
        for each in (sums.model(who), sums.signature(who)):
            each.batches = (each.batches[0] + added.value, each.batches[1] + added.number)
    _add_gauges(seen, sums)
    # Of a worker that did nothing there is no addition: it used no processor time, which is known.
    for added in seen.added("seaway_worker_cpu_seconds_total"):
        server = sums.server(_who(added.labels))
        server.cpu_cores = (server.cpu_cores or 0.0) + added.value / added.seconds


def _add_gauges(seen: Seen, sums: Sums) -> None:
    for labels, value in seen.now("seaway_queue_depth_requests"):
        model = sums.model(_who(labels))
        model.queued = (model.queued or 0.0) + value
    for labels, value in seen.now("seaway_requests_in_flight"):
        model = sums.model(_who(labels))
        model.in_flight = (model.in_flight or 0.0) + value
    for labels, value in seen.now("seaway_engine_info"):
        if value:
            sums.model(_who(labels)).engines.add(labels.get("engine", ""))
            server = sums.server(_who(labels))
            server.cpu_cores = server.cpu_cores or 0.0
    for who, kinds in _memory(seen).items():
        # Proportional shares add up: pages that workers share are counted once.
        memory = kinds.get("pss", kinds.get("rss", 0.0))
        for each in (sums.model(who), sums.server(who)):
            each.memory_bytes = (each.memory_bytes or 0.0) + memory


def _memory(seen: Seen) -> dict[Who, dict[str, float]]:
    found: dict[Who, dict[str, float]] = {}
    for labels, value in seen.now("seaway_worker_memory_bytes"):
        found.setdefault(_who(labels), {})[labels.get("kind", "")] = value
    return found


def _add_tensorflow(seen: Seen, sums: Sums) -> None:
    # Seaway's servers have these too; they would be counted twice.
    seaway = set(sums.servers)
    for added in _of_others(seen.added(":tensorflow:serving:request_count"), seaway):
        _count(sums, added, added.labels.get("status") != "OK")
    for added in _of_others(seen.added(":tensorflow:serving:request_latency"), seaway):
        _take_latencies(sums, added, _MICROSECOND)


def _of_others(added: Iterable[Added], instances: set[str]) -> Iterator[Added]:
    return (each for each in added if each.labels.get("instance", "") not in instances)


def _count(sums: Sums, added: Added, is_failure: bool) -> None:
    who = _who(added.labels)
    for each in (sums.all, sums.model(who), sums.signature(who), sums.server(who)):
        each.count(added, is_failure)


def _take_latencies(sums: Sums, added: Added, unit: float) -> None:
    who = _who(added.labels)
    for each in (sums.model(who), sums.signature(who), sums.server(who), sums.peer(who)):
        each.take_latencies(added, unit)


def _who(labels: Mapping[str, str]) -> Who:
    name = labels.get("model", labels.get("model_name", ""))
    return Who(labels.get("instance", ""), name, labels.get("version", ""), labels.get("signature", ""))
