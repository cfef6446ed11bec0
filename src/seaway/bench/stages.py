"""Where the server spent a request's time, from its own metrics page before and after a measurement.

Only a server that counts `seaway_request_stage_seconds` can say; with any other the report has no stages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from seaway.bench.http import get
from seaway.bench.target import Target, parse_target
from seaway.bench.tls import Tls
from seaway.errors import InvalidArgument, SeawayError

STAGES = ("decode", "queue", "run", "encode")
METRICS_PATH = "/monitoring/prometheus/metrics"
_METRIC = "seaway_request_stage_seconds"
_SAMPLE = re.compile(rf"^{_METRIC}_(sum|count)\{{(.*)\}} (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_HTTP_OK = 200
_TIMEOUT_S = 5.0
# Where TensorFlow Serving's command listens by default.
_GRPC_PORT, _REST_PORT = 8500, 8501


@dataclass(frozen=True, slots=True)
class StageTotal:
    """A stage's counters."""

    seconds: float
    requests: float


def metrics_target(target: Target, asked: str, tls: Tls | None = None) -> Target | None:
    """Return the REST port whose metrics page belongs to a target; None when nobody said and it cannot be known.

    Raises:  InvalidArgument - `asked` is not the address of a REST port.
    """
    if asked:
        named = parse_target(asked.removesuffix(METRICS_PATH), tls)
        if named.api != "rest":
            raise InvalidArgument(f"--metrics {asked!r}: metrics are read over REST; write http://HOST:PORT")
        return named
    if target.api == "rest":
        return target
    return Target("rest", target.host, _REST_PORT) if target.port == _GRPC_PORT else None


def read_totals(metrics: Target | None, model: str, api: str) -> Mapping[str, StageTotal]:
    """Return the counters of each stage now; nothing when the server cannot be asked or does not have them."""
    if metrics is None:
        return {}
    try:
        status, text = get(metrics, METRICS_PATH, _TIMEOUT_S)
    except SeawayError:
        return {}
    return parse_totals(text.decode(errors="replace"), model, api) if status == _HTTP_OK else {}


def parse_totals(text: str, model: str, api: str) -> Mapping[str, StageTotal]:
    """Return the counters of each stage in a metrics page, over all versions and signatures of a model."""
    totals: dict[str, StageTotal] = {}
    for stage, kind, value in _samples(text, model, api):
        before = totals.get(stage, StageTotal(0.0, 0.0))
        seconds = before.seconds + (value if kind == "sum" else 0.0)
        totals[stage] = StageTotal(seconds, before.requests + (value if kind == "count" else 0.0))
    return totals


def stage_micros(before: Mapping[str, StageTotal], after: Mapping[str, StageTotal]) -> Mapping[str, float]:
    """Return the mean microseconds of a request in each stage between two readings, in the order of a request."""
    means = {}
    for stage in (*STAGES, *sorted(set(after) - set(STAGES))):
        start, end = before.get(stage, StageTotal(0.0, 0.0)), after.get(stage, StageTotal(0.0, 0.0))
        requests = end.requests - start.requests
        if requests > 0:
            means[stage] = (end.seconds - start.seconds) * 1e6 / requests
    return means


def _samples(text: str, model: str, api: str) -> Iterator[tuple[str, str, float]]:
    for kind, labels, value in _SAMPLE.findall(text):
        named = dict(_LABEL.findall(labels))
        if named.get("model") == model and named.get("api") == api:
            yield named.get("stage", ""), kind, float(value)
