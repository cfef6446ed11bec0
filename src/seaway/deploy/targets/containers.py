"""What containers of a deployment have in common: places, variables, Traefik's labels. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from seaway.deploy.description import secrets
from seaway.deploy.desired import IngressSpec, MonitorSpec, ReplicaSpec
from seaway.deploy.monitor_options import monitor_options, objective_options
from seaway.settings.secret import Secret
from seaway.stores.url import is_remote

PROJECT_LABEL = "seaway.project"
ROLE_LABEL = "seaway.role"
DIGEST_LABEL = "seaway.digest"
PLACE_LABEL = "seaway.place"
REPLICA, INGRESS, MONITOR = "replica", "ingress", "monitor"

STORE = "/models"
STATE = "/seaway/state"
REPORTS = "/seaway/reports"
SECRETS = "/seaway/secrets"
CACHE = "/seaway/cache"
LOGS = "/seaway/logs"
MONITOR_RECORDS = "/seaway/monitor"
PYTHON = "/opt/seaway/bin/python"
USER, ROOT = 10001, 0
"""Of the image: a number that no host gives to a person; and of Traefik's."""

GRPC_PORT, REST_PORT, MONITOR_PORT = 8500, 8501, 8502
TOKENS = "tokens"
TLS_CERTIFICATE, TLS_KEY, TLS_SETTINGS = "tls.crt", "tls.key", "tls.yaml"
TLS_FILES = (TLS_CERTIFICATE, TLS_KEY, TLS_SETTINGS)
LOG_OPTIONS = {"max-size": "10m", "max-file": "3"}
RETRY_ATTEMPTS = 4
STOP_MARGIN_S = 10.0
"""Beyond lame duck and drain, for the workers of a server to end."""


def replica_environment(spec: ReplicaSpec, name: str) -> dict[str, str]:
    """Return the variables of a replica's container."""
    environment = dict(spec.environment) | {
        "SEAWAY_FOLLOW": STATE,
        "SEAWAY_MODEL_STORE": spec.store if is_remote(spec.store) else STORE,
        "SEAWAY_REPORTS": REPORTS,
        "SEAWAY_REQUEST_LOG_DIRECTORY": LOGS,
        "SEAWAY_REPLICA_NAME": name,
        "SEAWAY_GRPC_PORT": str(GRPC_PORT),
        "SEAWAY_REST_PORT": str(REST_PORT),
    }
    if spec.secrets:
        environment["SEAWAY_TOKENS_FILE"] = f"{SECRETS}/{TOKENS}"
    if spec.gpu.memory_fraction:
        environment["SEAWAY_PER_PROCESS_GPU_MEMORY_FRACTION"] = f"{spec.gpu.memory_fraction:g}"
    if spec.gpu.mig:
        environment["NVIDIA_VISIBLE_DEVICES"] = spec.gpu.mig
    return environment


def stop_wait_s(spec_environment: Mapping[str, str], drain_timeout_s: float) -> float:
    """Return the time that a container has between SIGTERM and SIGKILL."""
    return drain_timeout_s + float(spec_environment.get("SEAWAY_LAME_DUCK_S", 0)) + STOP_MARGIN_S


def monitor_command(spec: MonitorSpec, finds: Sequence[str]) -> list[str]:
    """Return what a monitor's container runs; `finds` are the options by which it finds the replicas."""
    options = monitor_options(spec, f"0.0.0.0:{MONITOR_PORT}", MONITOR_RECORDS, SECRETS)
    return [PYTHON, "-m", "seaway", "monitor", *finds, *objective_options(spec.promises), *options]


def monitor_health() -> list[str]:
    """Return the command that tells whether a monitor answers."""
    return [PYTHON, "-I", "-m", "seaway.cli.health", "/healthz", str(MONITOR_PORT)]


def traefik_labels(project: str, network: str, has_tls: bool, provider: str) -> dict[str, str]:
    """Return the labels by which Traefik finds a replica; `provider` is docker or swarm.

    Source: Traefik 3's reference (Docker and Swarm providers, HTTP services).
    """
    labels = {"traefik.enable": "true", f"traefik.{provider}.network": network}
    middleware = f"{project}-retry"
    labels[f"traefik.http.middlewares.{middleware}.retry.attempts"] = str(RETRY_ATTEMPTS)
    labels[f"traefik.http.middlewares.{middleware}.retry.initialinterval"] = "20ms"
    apis = (("grpc", GRPC_PORT, "h2c", {"mode": "grpc"}), ("rest", REST_PORT, "http", {"path": "/readyz"}))
    for api, port, scheme, check in apis:
        name = f"{project}-{api}"
        router, service = f"traefik.http.routers.{name}", f"traefik.http.services.{name}.loadbalancer"
        labels |= {
            f"{router}.rule": "PathPrefix(`/`)",
            f"{router}.entrypoints": api,
            f"{router}.service": name,
            f"{router}.middlewares": middleware,
            f"{service}.server.port": str(port),
            f"{service}.server.scheme": scheme,
            f"{service}.healthcheck.interval": "1s",
            f"{service}.healthcheck.timeout": "1s",
            **{f"{service}.healthcheck.{key}": value for key, value in check.items()},
        }
        if has_tls:
            labels[f"{router}.tls"] = "true"
    return labels


def traefik_arguments(project: str, network: str, provider: str, has_tls: bool) -> list[str]:
    """Return Traefik's arguments: it finds the replicas of one project, and nothing else, on one network."""
    arguments = [
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--log.level=WARN",
        "--ping=true",
        "--providers.providersthrottleduration=100ms",
        f"--providers.{provider}=true",
        f"--providers.{provider}.exposedbydefault=false",
        f"--providers.{provider}.network={network}",
        f"--providers.{provider}.constraints=Label(`{PROJECT_LABEL}`,`{project}`)",
    ]
    if provider == "swarm":
        arguments.append("--providers.swarm.refreshseconds=1")
    for name, port in (("grpc", GRPC_PORT), ("rest", REST_PORT)):
        point = f"--entrypoints.{name}"
        # Predictions may take long, in both directions: the servers have the time limits.
        arguments += [
            f"{point}.address=:{port}",
            f"{point}.transport.respondingtimeouts.readtimeout=0s",
            f"{point}.transport.respondingtimeouts.writetimeout=0s",
            f"{point}.transport.respondingtimeouts.idletimeout=180s",
        ]
    if has_tls:
        arguments.append(f"--providers.file.filename={SECRETS}/{TLS_SETTINGS}")
    return arguments


def secret_file(name: str, found: Mapping[str, Secret]) -> bytes:
    """Return the content of one of the files below `SECRETS`."""
    if name.startswith(f"{MONITOR}-"):
        return secrets.line(found[name])
    contents: Mapping[str, Callable[[], bytes]] = {
        TOKENS: lambda: secrets.tokens_file(found),
        TLS_CERTIFICATE: lambda: secrets.line(found[secrets.TLS_CERTIFICATE]),
        TLS_KEY: lambda: secrets.line(found[secrets.TLS_KEY]),
        TLS_SETTINGS: lambda: tls_settings().encode(),
    }
    return contents[name]()


def tls_settings() -> str:
    """Return the file that tells Traefik its certificate."""
    return f"tls:\n  certificates:\n    - certFile: {SECRETS}/{TLS_CERTIFICATE}\n      keyFile: {SECRETS}/{TLS_KEY}\n"


def has_tls(ingress: IngressSpec) -> bool:
    """Tell whether clients talk to the ingress by TLS."""
    return bool(ingress.certificate)
