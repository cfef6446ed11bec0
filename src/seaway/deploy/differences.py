"""What has changed, in words short enough for a plan. Pure."""

from __future__ import annotations

from seaway.fleet.published import Published, PublishedLog, PublishedModel, Traffic


def published_changes(before: Published, after: Published) -> str:
    """Return what the second decision changes, model by model."""
    changes = [
        _model_change(name, before.model(name), after.model(name))
        for name in sorted({model.name for model in (*before.models, *after.models)})
        if before.model(name) != after.model(name)
    ]
    return "; ".join(changes) or "what is served has not changed"


def _model_change(name: str, before: PublishedModel | None, after: PublishedModel | None) -> str:
    if before is None:
        versions = _versions(after.versions) if after else ""
        return f"{name} is new, {versions}"
    if after is None:
        return f"{name} is no longer served"
    changes = []
    if before.versions != after.versions:
        changes.append(f"{_versions(before.versions)} → {_versions(after.versions)}")
    if _moved(before) != _moved(after):
        changes.append(f"traffic {_traffic(before.traffic)} → {_traffic(after.traffic)}")
    for field in ("path", "labels", "engine", "batching"):
        old, new = getattr(before, field), getattr(after, field)
        if old != new:
            changes.append(f"{field} {old or 'none'} → {new or 'none'}")
    if before.log != after.log:
        changes.append(f"log {_log(before.log)} → {_log(after.log)}")
    return f"{name}: {', '.join(changes)}"


def _moved(model: PublishedModel) -> Traffic | None:
    """Return the traffic where it is other than everyone expects: all to the highest version."""
    return None if model.traffic == Traffic(max(model.versions, default=0)) else model.traffic


def _log(log: PublishedLog | None) -> str:
    return "none" if log is None else f"{log.sampling_rate:g} to {log.prefix}"


def _versions(versions: tuple[int, ...]) -> str:
    word = "version" if len(versions) == 1 else "versions"
    return f"{word} {', '.join(map(str, versions)) or 'none'}"


def _traffic(traffic: Traffic | None) -> str:
    if traffic is None:
        return "to the highest version"
    parts = [f"live {traffic.live}"]
    if traffic.candidate is not None and traffic.shadow:
        parts.append(f"{traffic.candidate} shadows {traffic.shadow:.0%}")
    if traffic.candidate is not None and traffic.canary:
        parts.append(f"{traffic.candidate} answers {traffic.canary:.0%}")
    return " and ".join(parts)
