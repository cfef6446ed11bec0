"""The options that `seaway monitor` is started with for a deployment, wherever that is. Pure.

Source: src/seaway/cli/monitor.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seaway.deploy.description.secrets import MONITOR_NOTIFY, MONITOR_PASSWORD, MONITOR_RULES
from seaway.deploy.desired import MonitorSpec, Promise

_MIB = 2**20


def monitor_options(spec: MonitorSpec, listen: str, records: str, secrets: str) -> list[str]:
    """Return the options of a monitor.

    Args:    listen - its address and port. records - the directory of its history. secrets - that of its secret files.
    """
    options = ["--listen", listen, "--directory", records]
    options += ["--interval", f"{spec.interval_s:g}", "--max-mib", str(spec.history_bytes // _MIB)]
    return [*options, *_secret_options((each.name for each in spec.secrets), secrets)]


def objective_options(promises: Iterable[Promise]) -> list[str]:
    """Return the options by which a monitor knows what models promise, where it has no description to read it from."""
    return [part for promise in promises for part in ("--objective", f"{promise.model}:{_promised(promise)}")]


def _promised(promise: Promise) -> str:
    parts = [f"error_rate={promise.error_rate!r}"]
    if promise.p99_ms is not None:
        parts.append(f"p99_ms={promise.p99_ms!r}")
    if promise.memory_bytes is not None:
        parts.append(f"memory={promise.memory_bytes}")
    return ",".join(parts)


def _secret_options(names: Iterable[str], directory: str) -> Iterator[str]:
    for name in names:
        place = f"{directory}/{name}"
        if name == MONITOR_PASSWORD:
            yield from ("--password-file", place)
        elif name == MONITOR_RULES:
            yield from ("--rules", place)
        elif name.startswith(MONITOR_NOTIFY):
            yield from ("--notify", f"{name.removeprefix(MONITOR_NOTIFY)}={place}")
