"""How the server behaves towards those who operate it: log, metrics, worker care, and the way it ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seaway.settings.declaration import setting

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]


@dataclass(frozen=True, slots=True)
class Logging:
    """What is written about the server's own life."""

    level: LogLevel = setting(
        "info",
        "Least important messages that are still written.",
        flag="--log-level",
    )
    format: LogFormat = setting(
        "text",
        "One readable line per message, or one JSON object per line.",
        flag="--log-format",
    )
    file: str = setting(
        "",
        "File to append the log to. Empty means the standard error stream.",
        flag="--log-file",
    )


@dataclass(frozen=True, slots=True)
class Metrics:
    """The Prometheus page on the REST port."""

    enabled: bool = setting(
        True,
        "Serve metrics on the REST API.",
        flag="--metrics",
        tensorflow_serving="monitoring_config_file",
    )
    path: str = setting(
        "/monitoring/prometheus/metrics",
        "Path of the metrics page.",
        flag="--metrics-path",
        pattern=r"/\S*",
        expects="a path that starts with /",
        tensorflow_serving="monitoring_config_file",
    )


@dataclass(frozen=True, slots=True)
class Workers:
    """How worker processes are looked after."""

    restart_backoff_s: float = setting(
        1.0,
        "Pause before a worker that died is started again; it doubles with each death in a row.",
        flag="--restart-backoff-s",
        unit="seconds",
        at_least=0.01,
        at_most=3600,
    )
    restart_backoff_max_s: float = setting(
        60.0,
        "Longest pause between two starts of a worker that keeps dying.",
        flag="--restart-backoff-max-s",
        unit="seconds",
        at_least=0.01,
        at_most=86400,
    )
    stats_interval_s: float = setting(
        5.0,
        "Interval at which the memory and processor time of the workers are measured.",
        flag="--stats-interval-s",
        unit="seconds",
        at_least=0.1,
        at_most=3600,
    )


@dataclass(frozen=True, slots=True)
class Drain:
    """How the server ends."""

    lame_duck_s: float = setting(
        0.0,
        "Time after SIGTERM in which the server says that it is not ready and goes on answering, so that balancers "
        "notice before it stops accepting.",
        flag="--lame-duck-s",
        unit="seconds",
        at_least=0,
        at_most=3600,
    )
    drain_timeout_s: float = setting(
        30.0,
        "Time that requests in flight have to finish after SIGTERM, or when their version is unloaded.",
        flag="--drain-timeout-s",
        unit="seconds",
        at_least=0,
        at_most=86400,
    )
