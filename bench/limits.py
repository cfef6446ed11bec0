"""The engine by itself, in one process, at the number of rows that suits it best: what no server around it can pass.

TensorFlow is called by the code that a worker runs (`seaway-bench engine`), the engines in Python by
`bench/hosted.py`. A small model gains much from joined rows and a large one nothing, so several numbers are tried,
from one thread and from two.
"""

from __future__ import annotations

import base64
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench import load
from bench.load import Report
from bench.models import Subject, as_saved, saved_model
from seaway.engines import tensorflow
from seaway.settings.cores import usable_cores
from seaway.settings.engine import Engine
from seaway.settings.session_config import session_config

JOINED = (1, 2, 4, 8, 16, 32, 64)
SECONDS = 0.3
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Limit:
    """The best of an engine for one model."""

    rows_per_second: float
    joined: int
    threads: int
    p50_micros: float
    """Of a single request on one thread."""


def measure(engine: str, subject: Subject) -> Report:
    """Measure an engine by itself.

    Raises: LoadFailed - it could not load or run the model.
    """
    named = as_saved(subject)
    shared = {
        "model": saved_model(subject),
        "input": named.input,
        "threads": ",".join(str(threads) for threads in range(1, usable_cores() + 1)[:2]),
        "joined": ",".join(map(str, JOINED)),
        "seconds": SECONDS,
    }
    if engine != "tensorflow":
        return load.run_program([sys.executable, "-m", "bench.hosted", engine, *_flags(shared)], LIMIT_S)
    config = base64.b64encode(session_config(Engine(), usable_cores())).decode()
    own = {"library": tensorflow.find().library, "session-config": config}
    return load.run_engine(_flags({**shared, **own}), LIMIT_S)


def best(report: Report) -> Limit:
    """Return the most rows a second of a report, and how long a single request took."""
    results: Sequence[Report] = report["results"]
    most = max(results, key=lambda result: float(result["requests_per_second"]))
    single = next(result for result in results if result["joined"] == 1)
    p50 = single["latency_micros"]["p50"]
    return Limit(most["requests_per_second"], most["joined"], most["threads"], p50)


def _flags(named: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in named.items()]
