"""All that the page asks, in PromQL. Pure.

Quantiles are read from buckets that were summed first, so that they hold for all replicas and versions together; an
average of quantiles is never formed. Copies of requests (`api="shadow"`) are work, but nobody waits for them: they are
left out of what is counted as traffic.
"""

from __future__ import annotations

from typing import NamedTuple

from seaway.monitor.query.quote import quoted

MOMENTS = 300
"""At most so many points of a line are asked for: a chart is hardly wider."""
SPARK_MOMENTS = 60
FEWEST_MS = 5_000
WINDOW_MS = 60_000
"""Rates are over at least so long, in which every server was asked several times."""
NOW_WINDOW_MS = 120_000
"""What is shown as the present state is what happened in so long."""


class Span(NamedTuple):
    """A time that can be chosen, up to now."""

    name: str
    title: str
    seconds: int

    def step_ms(self, most: int = MOMENTS) -> int:
        """Return the time between points when there are at most `most` of them."""
        return max(FEWEST_MS, -(-self.seconds * 1000 // most))

    @property
    def grid_ms(self) -> int:
        """Return how often its charts are asked for anew: of a month nothing is to be seen within minutes."""
        return max(FEWEST_MS, self.step_ms() // 8)

    def window_ms(self, most: int = MOMENTS) -> int:
        """Return over how long rates are: at least a step, so that nothing is left out between points."""
        return max(WINDOW_MS, self.step_ms(most))


SPANS = (
    Span("15m", "15 minutes", 15 * 60),
    Span("1h", "1 hour", 3600),
    Span("6h", "6 hours", 6 * 3600),
    Span("24h", "24 hours", 24 * 3600),
    Span("7d", "7 days", 7 * 24 * 3600),
    Span("30d", "30 days", 30 * 24 * 3600),
)
DEFAULT_SPAN = SPANS[1]


def span_of(name: str) -> Span:
    """Return the span of this name, or the default one: the name comes from an address that anyone may write."""
    return next((each for each in SPANS if each.name == name), DEFAULT_SPAN)


class Scope(NamedTuple):
    """Which series are meant; what is empty may be anything."""

    model: str = ""
    version: str = ""
    signature: str = ""
    instance: str = ""

    def without(self, *names: str) -> Scope:
        """Return a scope that does not narrow by these labels, for metrics that do not have them."""
        return self._replace(**dict.fromkeys(names, ""))

    def matchers(self, *more: str) -> str:
        """Return `{…}` of PromQL."""
        own = [f"{name}={quoted(value)}" for name, value in self._asdict().items() if value]
        return "{" + ",".join([*own, *more]) + "}"


ANYTHING = Scope()
_NO_SHADOWS = 'api!="shadow"'
By = tuple[str, ...]


def _sum(expression: str, by: By) -> str:
    return f"sum by ({', '.join(by)}) ({expression})" if by else f"sum({expression})"


def _rate(name: str, matchers: str, window_ms: int) -> str:
    return f"rate({name}{matchers}[{window_ms}ms])"


def requests(scope: Scope, window_ms: int, by: By) -> str:
    """Return the question for requests per second."""
    return _sum(_rate("seaway_requests_total", scope.matchers(_NO_SHADOWS), window_ms), by)


def failures(scope: Scope, window_ms: int, by: By) -> str:
    """Return the question for requests per second whose code was not OK."""
    return _sum(_rate("seaway_requests_total", scope.matchers(_NO_SHADOWS, 'code!="OK"'), window_ms), by)


def latency(scope: Scope, quantile: float, window_ms: int, by: By) -> str:
    """Return the question for a quantile of the time of requests."""
    buckets = _rate("seaway_request_seconds_bucket", scope.matchers(_NO_SHADOWS), window_ms)
    return f"histogram_quantile({quantile:g}, {_sum(buckets, (*by, 'le'))})"


def stage_quantile(scope: Scope, quantile: float, window_ms: int) -> str:
    """Return the question for a quantile of the time that successful requests spend in each stage."""
    buckets = _rate("seaway_request_stage_seconds_bucket", scope.matchers(_NO_SHADOWS), window_ms)
    return f"histogram_quantile({quantile:g}, {_sum(buckets, ('stage', 'le'))})"


def stage_mean(scope: Scope, window_ms: int) -> str:
    """Return the question for the mean time in each stage: means, unlike quantiles, can be put on top of each other."""
    name, matchers = "seaway_request_stage_seconds", scope.matchers(_NO_SHADOWS)
    spent, number = (_sum(_rate(f"{name}_{part}", matchers, window_ms), ("stage",)) for part in ("sum", "count"))
    return f"{spent} / ({number} > 0)"


def batch_rows(scope: Scope, quantile: float, window_ms: int, by: By = ()) -> str:
    """Return the question for a quantile of the rows of joined runs."""
    buckets = _rate("seaway_batch_rows_bucket", scope.matchers(), window_ms)
    return f"histogram_quantile({quantile:g}, {_sum(buckets, (*by, 'le'))})"


def _gauge(name: str, matchers: str, window_ms: int, how: str = "avg") -> str:
    """Return a gauge as it is now, or over a time: points of a month lie further apart than a gauge is remembered."""
    return f"{how}_over_time({name}{matchers}[{window_ms}ms])" if window_ms else name + matchers


def queue(scope: Scope, by: By, window_ms: int = 0) -> str:
    """Return the question for requests that wait."""
    return _sum(_gauge("seaway_queue_depth_requests", scope.without("signature").matchers(), window_ms), by)


def in_flight(scope: Scope, by: By, window_ms: int = 0) -> str:
    """Return the question for requests that are being answered."""
    return _sum(_gauge("seaway_requests_in_flight", scope.without("signature").matchers(), window_ms), by)


def memory(scope: Scope, by: By, window_ms: int = 0) -> str:
    """Return the question for the workers' memory; `pss` adds up over workers, as pages they share count once."""
    matchers = scope.without("signature").matchers('kind="pss"')
    return _sum(_gauge("seaway_worker_memory_bytes", matchers, window_ms), by)


def cpu(scope: Scope, window_ms: int, by: By) -> str:
    """Return the question for processor cores that the workers keep busy."""
    return _sum(_rate("seaway_worker_cpu_seconds_total", scope.without("signature").matchers(), window_ms), by)


def engines(scope: Scope, by: By) -> str:
    """Return the question for the replicas on which each engine runs."""
    return _sum("seaway_engine_info" + scope.without("signature").matchers(), by)


def load_seconds(scope: Scope, by: By) -> str:
    """Return the question for the longest time that loading took."""
    return f"max by ({', '.join(by)}) (seaway_model_load_seconds{scope.without('signature').matchers()})"


def replicas() -> str:
    """Return the question for the replicas of each model that answer."""
    return "count by (model) (sum by (model, instance) (seaway_engine_info) and on (instance) (up == 1))"


def host_cpu(window_ms: int = 0) -> str:
    """Return the question for the share of all cores that each machine keeps busy."""
    return f"max by (host) ({_gauge('host_cpu_ratio', '', window_ms)})"


def host_memory(window_ms: int = 0) -> str:
    """Return the question for the memory that is in use on each machine."""
    return f"max by (host) ({_gauge('host_memory_used_bytes', '', window_ms)})"


def host_memory_total() -> str:
    """Return the question for the memory that each machine has."""
    return "max by (host) (host_memory_total_bytes)"


def up(window_ms: int) -> str:
    """Return the question for whether each server answered all the time."""
    return f"min by (instance) ({_gauge('up', '', window_ms, 'min')})"


def scrape_seconds(window_ms: int) -> str:
    """Return the question for the longest that a look at each server took."""
    return f"max by (instance) ({_gauge('scrape_seconds', '', window_ms, 'max')})"
