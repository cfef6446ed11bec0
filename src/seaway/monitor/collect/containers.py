"""Containers of a Docker engine: which of them are servers, what each uses, and what happened to it.

A server is found by its label: `seaway.monitor` with the port of its REST API (and `seaway.monitor.path` where the
metrics lie elsewhere), or what a deployment gives its replicas. What a container uses has cAdvisor's names, so one
dashboard fits both. The engine is an argument; without one a monitor goes without.

Source: Docker Engine API v1.41 (ContainerList, ContainerStats, SystemEvents); cAdvisor, docs/storage/prometheus.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from msgspec import structs

from seaway import extras
from seaway.errors import FailedPrecondition, Unavailable
from seaway.monitor.collect.host import gauge
from seaway.monitor.collect.targets import PATH, target
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.store.store import Event
from seaway.monitor.target import Target

PORT_LABEL, PATH_LABEL = "seaway.monitor", "seaway.monitor.path"
ROLE_LABEL, PROJECT_LABEL, REPLICA, REPLICA_PORT = "seaway.role", "seaway.project", "replica", "8501"
"""What a deployment's containers carry; `deploy/targets/containers.py` gives them, and a test compares."""

_AT_ONCE = 16
_NANO = 1e9
_TOLD = ("die", "oom", "restart", "health_status: healthy", "health_status: unhealthy")

Ask = Callable[[str, Mapping[str, str]], Any]
"""The engine's answer to a GET of a path with a query. Raises: Unavailable - it does not answer."""
Labels = tuple[tuple[str, str], ...]


class Containers:
    """The servers among the containers of one engine; of one project only where it is named. One thread at a time."""

    def __init__(self, ask: Ask, project: str = "") -> None:
        """Ask nothing yet."""
        self._ask = ask
        self._project = project
        self._listed: list[Mapping[str, Any]] = []
        self._totals: dict[tuple[str, str], float] = {}
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="engine")

    def targets(self) -> Sequence[Target]:
        """Return the servers that run and have an address. Raises: Unavailable - the engine does not answer."""
        self._list()
        return [found for each in self._listed if (found := target_of(each)) is not None]

    def samples(self, at: int) -> list[Sample]:
        """Return what each container uses. Units: at in milliseconds since the Unix epoch.

        Raises:  Unavailable - the engine does not answer.
        """
        self._list()
        running = [each for each in self._listed if each.get("State") == "running"]
        found: list[Sample] = []
        totals: dict[tuple[str, str], float] = {}
        for container, stats in zip(running, self._pool.map(self._stats, running), strict=True):
            labels = _labels(container)
            found += gauges(stats, labels, at)
            for name, total in counters(stats).items():
                who = (str(container["Id"]), name)
                totals[who] = total
                found += _added(name, self._totals.get(who), total, labels, at)
        self._totals = totals
        return found

    def events(self, after: float, until: float) -> Sequence[Event]:
        """Return what happened within a time. Units: seconds since the Unix epoch.

        Raises:  Unavailable - the engine does not answer.
        """
        filters = {"type": ["container"], "event": ["die", "oom", "restart", "health_status"]}
        asked = {"since": f"{after:.3f}", "until": f"{until:.3f}", "filters": _json(filters)}
        found = self._ask("/events", asked)
        return [event for each in found if (event := event_of(each, self._project)) is not None]

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _list(self) -> None:
        label = [f"{PROJECT_LABEL}={self._project}"] if self._project else []
        found = self._ask("/containers/json", {"filters": _json({"label": label})} if label else {})
        self._listed = [each for each in found if is_server(each.get("Labels") or {})]

    def _stats(self, container: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = self._ask(
                f"/containers/{container['Id']}/stats", {"stream": "false", "one-shot": "true"}
            )
        except Unavailable:
            return {}  # It is just going away.
        return answer


def is_server(labels: Mapping[str, str]) -> bool:
    """Tell whether a container is a server to look at. Pure."""
    return PORT_LABEL in labels or labels.get(ROLE_LABEL) == REPLICA


def target_of(container: Mapping[str, Any]) -> Target | None:
    """Return the server that a container is, None while it has no address. Pure."""
    labels = container.get("Labels") or {}
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    address = next((each["IPAddress"] for each in networks.values() if each and each.get("IPAddress")), "")
    if container.get("State") != "running" or not address:
        return None
    port, path = labels.get(PORT_LABEL) or REPLICA_PORT, labels.get(PATH_LABEL) or PATH
    project = labels.get(PROJECT_LABEL)
    one = target(f"http://{address}:{port}/{path.lstrip('/')}", (("project", project),) if project else ())
    return structs.replace(one, instance=_name(container))


def gauges(stats: Mapping[str, Any], labels: Labels, at: int) -> Iterator[Sample]:
    """Yield the memory of a container: all of it, without files that may be dropped, and its limit. Pure."""
    memory = stats.get("memory_stats") or {}
    usage = memory.get("usage")
    if usage is None:
        return
    detail = memory.get("stats") or {}
    # Control groups of version 2 and 1 name it differently.
    dropped = detail.get("inactive_file", detail.get("total_inactive_file", 0))
    yield gauge("container_memory_usage_bytes", float(usage), at, labels)
    yield gauge("container_memory_working_set_bytes", float(max(0, usage - dropped)), at, labels)
    if memory.get("limit"):
        yield gauge("container_spec_memory_limit_bytes", float(memory["limit"]), at, labels)


def counters(stats: Mapping[str, Any]) -> dict[str, float]:
    """Return what a container has used in all: processor time and traffic of all its networks. Pure."""
    used = ((stats.get("cpu_stats") or {}).get("cpu_usage") or {}).get("total_usage")
    found = {} if used is None else {"container_cpu_usage_seconds_total": used / _NANO}
    networks = (stats.get("networks") or {}).values()
    if networks:
        found["container_network_receive_bytes_total"] = float(sum(each.get("rx_bytes", 0) for each in networks))
        found["container_network_transmit_bytes_total"] = float(sum(each.get("tx_bytes", 0) for each in networks))
    return found


def event_of(told: Mapping[str, Any], project: str) -> Event | None:
    """Return what an event of the engine says of a server; None where it is about something else. Pure."""
    attributes = (told.get("Actor") or {}).get("Attributes") or {}
    action = str(told.get("Action", ""))
    if not is_server(attributes) or action not in _TOLD or (project and attributes.get(PROJECT_LABEL) != project):
        return None
    texts = {
        "die": f"its container ended with exit code {attributes.get('exitCode', '?')}",
        "oom": "its container is out of memory",
        "restart": "its container was restarted",
        "health_status: healthy": "its container is healthy",
        "health_status: unhealthy": "its container is not healthy",
    }
    at = int(told["timeNano"]) // 10**6 if "timeNano" in told else int(told["time"]) * 1000
    labels = {"instance": str(attributes.get("name", "")), "project": str(attributes.get(PROJECT_LABEL, ""))}
    return Event(at, "container", {name: value for name, value in labels.items() if value}, texts[action])


def engine() -> Ask:
    """Return the engine that the environment names, as the `docker` command takes it (`DOCKER_HOST`).

    Raises:  FailedPrecondition - its package is not installed; Unavailable - no engine answers.
    """
    try:
        import docker  # noqa: PLC0415 - who looks at no engine needs no client
        from docker.errors import DockerException  # noqa: PLC0415
    except ImportError as err:
        raise FailedPrecondition(f"{err.name} is not installed; `{extras.command('deploy')}` brings it") from err
    try:
        client = docker.from_env(timeout=10)
        client.ping()
    except (DockerException, OSError) as err:
        raise Unavailable(f"no Docker engine answers ({err}); start one, or name it in DOCKER_HOST") from err
    api: Any = client.api

    def ask(path: str, query: Mapping[str, str]) -> Any:
        try:
            answer = api.get(api._url(path), params=dict(query), timeout=10)
            answer.raise_for_status()
            return _lines(answer.text) if path == "/events" else answer.json()
        except (DockerException, OSError, ValueError) as err:
            raise Unavailable(f"the Docker engine cannot be asked: {err}") from None

    return ask


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line]


def _json(value: object) -> str:
    return json.dumps(value)


def _name(container: Mapping[str, Any]) -> str:
    return str(next(iter(container.get("Names") or ()), container.get("Id", ""))).lstrip("/")


def _labels(container: Mapping[str, Any]) -> Labels:
    project = (container.get("Labels") or {}).get(PROJECT_LABEL)
    found = {"instance": _name(container), "image": str(container.get("Image", "")), "project": project or ""}
    return tuple(sorted((name, value) for name, value in found.items() if value))


def _added(name: str, before: float | None, now: float, labels: Labels, at: int) -> Iterator[Sample]:
    """Yield what was added since the look before; a container that was started again began at 0."""
    if before is None:
        return
    added = now - before if now >= before else now
    if added > 0:
        yield Sample(Series(name, labels, Kind.COUNTER), Point(at, added))
