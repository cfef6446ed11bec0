"""Measurements with the figures that a test is about, and plain values for the rest."""

from __future__ import annotations

from typing import Any

from seaway.bench.generator import Measurement, measurement


def measured(**changes: Any) -> Measurement:
    """A measurement of two seconds with 1000 answers; any part of the generator's report can be changed."""
    figures = {name: 1000.0 for name in ("mean", "p50", "p90", "p95", "p99", "p99.9", "max")}
    report: dict[str, Any] = {
        "seconds": 2.0,
        "succeeded": 1000,
        "failed": 0,
        "unanswered": 0,
        "failures": {},
        "first_failure": None,
        "per_second": 500.0,
        "latency_micros": figures | changes.pop("latency", {}),
        "latency_curve": [[0.0, 500.0], [0.5, 1000.0], [0.99, 1000.0], [1.0, 1000.0]],
        "timeline": {
            "window_seconds": 1.0,
            "windows": [
                {"start": 0.0, "succeeded": 500, "failed": 0, "p50": 1000.0, "p99": 1000.0},
                {"start": 1.0, "succeeded": 500, "failed": 0, "p50": 1000.0, "p99": 1000.0},
            ],
        },
        "in_flight": 1,
        "connections": 1,
        "rate": None,
        "request_bytes": 42,
        "failure_latency_micros": {},
        "lag_micros": None,
        "client_processor_seconds": 0.02,
        "interrupted": False,
    }
    rows = changes.pop("rows", 1)
    return measurement("grpc://127.0.0.1:8500", report | changes, rows)
