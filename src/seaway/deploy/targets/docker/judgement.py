"""What the engine says of a container, and what that means for a person. It changes nothing.

Source: Docker Engine API v1.41, ContainerInspect.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from docker.models.containers import Container

from seaway.deploy.observed import State
from seaway.deploy.report_files import is_fresh
from seaway.deploy.targets.containers import REST_PORT
from seaway.fleet.report import Report


def judged(attrs: Mapping[str, object], report: Report | None, now: float) -> tuple[State, str]:
    """Return the state of a replica's container and why it is not ready. Pure."""
    state = state_of(attrs)
    status = state.get("Status")
    health = health_of(attrs)
    if status != "running":
        return _not_running(str(status), attrs)
    if report is None or not is_fresh(report, now):
        starting = health in {"starting", "none"}
        return (State.STARTING, "it is starting") if starting else (State.UNREADY, "it does not report")
    if not report.ready or health == "starting":
        return State.STARTING, _loading(report) or "it is starting"
    if health == "unhealthy":
        return State.UNREADY, report.problem or "its health check fails"
    return State.READY, ""


def health_of(attrs: Mapping[str, object]) -> str:
    """Return what a container's health check says; `none` where it has none. Pure."""
    return str(_mapping(state_of(attrs).get("Health")).get("Status", "none"))


def rest_address(attrs: Mapping[str, object]) -> str:
    """Return where the engine's host reaches a container's REST API; empty while it has no address. Pure."""
    networks = _mapping(_mapping(attrs.get("NetworkSettings")).get("Networks"))
    addresses = [str(_mapping(network).get("IPAddress") or "") for network in networks.values()]
    return next((f"{address}:{REST_PORT}" for address in addresses if address), "")


def _not_running(status: str, attrs: Mapping[str, object]) -> tuple[State, str]:
    match status:
        case "created":
            return State.STARTING, "its container has not been started"
        case "restarting":
            return State.UNREADY, f"it ends again and again: {why_ended(attrs)}"
        case "paused":
            return State.UNREADY, "its container is paused"
        case _:
            return State.LOST, why_ended(attrs)


def why_ended(attrs: Mapping[str, object]) -> str:
    """Return why a container has ended, in words. Pure."""
    state = state_of(attrs)
    limit = _mapping(attrs.get("HostConfig")).get("Memory") or 0
    if state.get("OOMKilled"):
        return f"out of memory (limit {int(str(limit)) // 2**20} MiB); raise `server.memory`"
    if state.get("Status") == "running":
        return "it ends again and again"
    if state.get("Error"):
        return str(state["Error"])
    return f"exit code {state.get('ExitCode')}"


def state_of(attrs: Mapping[str, object]) -> Mapping[str, object]:
    """Return the part of what the engine says of a container that is its state. Pure."""
    return _mapping(attrs.get("State"))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _loading(report: Report) -> str:
    loading = [f"{model} {version.version}" for model, version in report.loading()]
    return f"loading {', '.join(loading)}" if loading else ""


def has_ended(container: Container) -> bool:
    """Tell whether a container that is being started has ended; the engine may start it again, which helps nobody."""
    state = state_of(container.attrs)
    return state.get("Status") in {"exited", "dead", "restarting"} or bool(int(container.attrs.get("RestartCount", 0)))


def ran_for(container: Container, now: float) -> float:
    """Return how long a container has run. Units: seconds; now since the Unix epoch."""
    started = str(state_of(container.attrs).get("StartedAt", ""))
    try:
        at = datetime.fromisoformat(f"{started[:19]}").replace(tzinfo=timezone.utc)
    except ValueError:
        return 0.0
    return now - at.timestamp()


def last_words(container: Container | None) -> str:
    """Return the end of a container's log as one line."""
    if container is None:
        return "its container is gone"
    lines = [line.strip() for line in container.logs(tail=5).decode(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:]) or "it has written nothing"
