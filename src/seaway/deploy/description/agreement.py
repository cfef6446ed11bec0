"""What a schema cannot say: values that are each allowed and make no sense together. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from seaway.deploy.description.places import Path
from seaway.deploy.description.schema import Description, Model
from seaway.deploy.quantities import number_of_bytes
from seaway.engines.choice import AUTO
from seaway.engines.registry import KINDS
from seaway.errors import InvalidArgument
from seaway.settings.log_prefix import checked_prefix, is_url

_CONTAINERS = {"docker", "swarm", "kubernetes"}
_LEAST_HISTORY = 16 * 2**20


def disagreements(description: Description) -> Iterator[tuple[Path, str]]:
    """Yield the place and the text of every disagreement."""
    yield from _server(description)
    yield from _autoscale(description)
    yield from _rollout(description)
    yield from _kubernetes(description)
    yield from _monitor(description)
    for name, model in description.models.items():
        yield from _model(("models", name), model)
        yield from _log(("models", name, "log", "prefix"), model.log.prefix, description.target)


def _server(description: Description) -> Iterator[tuple[Path, str]]:
    server = description.server
    if description.target in _CONTAINERS and not server.image:
        yield (
            ("server", "image"),
            f"is missing: target {description.target} runs containers; `seaway image build` makes an image",
        )
    if server.ports.grpc == server.ports.rest:
        yield ("server", "ports", "rest"), f"found {server.ports.rest}, which is the gRPC port too; give another one"
    if server.gpu.count and server.gpu.mig:
        yield ("server", "gpu", "mig"), "is set beside `count`; whole GPUs or a MIG profile, keep one"
    for index, token in enumerate(server.tokens):
        if bool(token.env) == bool(token.file):
            yield ("server", "tokens", index), "needs exactly one of `env` and `file`"
    if server.tls is not UNSET and not (server.tls.certificate and server.tls.key):
        yield ("server", "tls"), "needs both `certificate` and `key`"


def _autoscale(description: Description) -> Iterator[tuple[Path, str]]:
    scale = description.autoscale
    if scale.max and scale.min > scale.max:
        yield ("autoscale", "min"), f"found {scale.min}, which is above `max`, {scale.max}; lower it"
    if scale.max and scale.metric == "cpu" and not description.server.cpu:
        yield ("autoscale", "metric"), "found 'cpu', which is a share of `server.cpu`; set that too"
    if scale.max and (scale.metric == "query") != bool(scale.query):
        yield ("autoscale", "query"), "goes with `metric: query`; set both or none"
    if scale.max and scale.metric == "query" and description.target == "kubernetes":
        yield ("autoscale", "metric"), "found 'query', which the HorizontalPodAutoscaler is not given; use another one"


def _rollout(description: Description) -> Iterator[tuple[Path, str]]:
    canary = description.rollout.canary
    if list(canary) != sorted(set(canary)):
        yield ("rollout", "canary"), f"found {canary}, fits: shares that grow, each below 1"
    elif any(not 0 < share < 1 for share in canary):
        yield (
            ("rollout", "canary"),
            f"found {canary}, fits: shares above 0 and below 1; the whole follows by itself",
        )
    for index, check in enumerate(description.rollout.checks):
        if check.max is None and check.min is None:
            yield ("rollout", "checks", index), "needs a bound: `max`, `min` or both"


def _kubernetes(description: Description) -> Iterator[tuple[Path, str]]:
    cluster = description.kubernetes
    if cluster.expose != "none" and not cluster.host:
        yield ("kubernetes", "host"), f"is missing: `expose: {cluster.expose}` needs a host name"
    if cluster.expose == "gateway" and cluster.gateway.count("/") != 1:
        yield ("kubernetes", "gateway"), f"found {cluster.gateway!r}, fits: namespace/name of the Gateway"


def _monitor(description: Description) -> Iterator[tuple[Path, str]]:
    monitor, ports = description.monitoring, description.server.ports
    if monitor.url and not monitor.url.startswith(("http://", "https://")):
        yield ("monitor", "url"), f"found {monitor.url!r}, fits: a URL such as http://prometheus:9090"
    if not monitor.enabled:
        return
    if monitor.port in {ports.grpc, ports.rest}:
        yield ("monitor", "port"), f"found {monitor.port}, which is a port of the servers too; give another one"
    if number_of_bytes(monitor.history) < _LEAST_HISTORY:
        yield ("monitor", "history"), f"found {monitor.history!r}, fits: at least 16Mi"
    if monitor.password is not UNSET and bool(monitor.password.env) == bool(monitor.password.file):
        yield ("monitor", "password"), "needs exactly one of `env` and `file`"
    for name, source in monitor.notify.items():
        if bool(source.env) == bool(source.file):
            yield ("monitor", "notify", name), "needs exactly one of `env` and `file`"


def _model(at: Path, model: Model) -> Iterator[tuple[Path, str]]:
    parts = model.path.split("/")
    if model.path.startswith("/") or ".." in parts:
        yield (*at, "path"), f"found {model.path!r}, fits: a directory inside the store"
    engines = (AUTO, *KINDS)
    if model.engine and model.engine not in engines:
        yield (*at, "engine"), f"found {model.engine!r}, fits: {', '.join(engines)}"
    if isinstance(model.versions, list):
        if not model.versions:
            yield (*at, "versions"), "found a list of 0, fits: at least one version; or leave the key out"
        for label, version in model.labels.items():
            if version not in model.versions:
                yield (*at, "labels", label), f"found {version}, which is not among `versions`, {model.versions}"


def _log(at: Path, prefix: str, target: str) -> Iterator[tuple[Path, str]]:
    try:
        # Whether a replica has the package for a URL is its own matter.
        checked = checked_prefix(str(at[1]), prefix, needs_package=False) if prefix else ""
    except InvalidArgument as err:
        yield at, err.message
        return
    if is_url(checked):
        return
    if ".." in checked.split("/"):
        yield at, f"found {prefix!r}, fits: a path inside the deployment's directory of logs, or a URL"
    elif checked.startswith("/") and target in _CONTAINERS:
        yield at, f"found {prefix!r}, fits: a relative path or a URL; containers of {target} cannot write elsewhere"
