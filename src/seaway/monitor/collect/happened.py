"""What happened at a server between two looks, to be drawn on the time axis. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from seaway.monitor.collect.exposition import Exposition
from seaway.monitor.store.store import Event

_ENGINES, _RESTARTS, _LOADS = "seaway_engine_info", "seaway_worker_restarts_total", "seaway_model_loads_total"


def happened(before: Exposition | None, now: Exposition, instance: str, at: int) -> Iterator[Event]:
    """Yield versions that came or went, workers that were started again, and loads that failed.

    Args:    before - None for the first look, when nothing is known to be new. at - in milliseconds since the epoch.
    """
    if before is None:
        return
    earlier, later = _versions(before), _versions(now)
    for model, version, engine in sorted(later - earlier):
        labels = {"model": model, "version": version, "instance": instance}
        yield Event(at, "version", labels, f"version {version} is served ({engine})")
    for model, version, _ in sorted(earlier - later):
        if all((model, version) != other[:2] for other in later):
            labels = {"model": model, "version": version, "instance": instance}
            yield Event(at, "version", labels, f"version {version} is gone")
    for labels, added in _added(before, now, _RESTARTS):
        text = f"a worker ended on its own and was started again ({added:g})"
        yield Event(at, "restart", {"model": labels.get("model", ""), "instance": instance}, text)
    for labels, added in _added(before, now, _LOADS):
        if labels.get("outcome") == "failed":
            event_labels = {"model": labels.get("model", ""), "instance": instance}
            yield Event(at, "load", event_labels, f"a version could not be loaded ({added:g})")


def _versions(found: Exposition) -> set[tuple[str, str, str]]:
    named = (dict(labels) for (name, labels), value in found.gauges.items() if name == _ENGINES and value)
    return {(each.get("model", ""), each.get("version", ""), each.get("engine", "")) for each in named}


def _added(before: Exposition, now: Exposition, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for who, total in now.counters.items():
        added = total - before.counters.get(who, 0.0)
        if who[0] == name and added > 0:
            yield dict(who[1]), added
