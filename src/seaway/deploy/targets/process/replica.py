"""What a replica was made from, as a file beside its program: to compare, and to start it again the same."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from seaway.deploy.desired import IngressSpec, ReplicaSpec
from seaway.deploy.targets.process.layout import Layout
from seaway.fleet.data import Data
from seaway.fleet.published import LOG_DIRECTORY
from seaway.fleet.report import DIRECTORY

TOKENS = "tokens"


class ReplicaFile(Data, frozen=True):
    """One replica. `is_in_rotation`: Traefik sends it requests."""

    name: str
    spec: str
    grpc_port: int
    rest_port: int
    is_in_rotation: bool
    drain_timeout_s: float
    command: tuple[str, ...]
    environment: dict[str, str]

    @property
    def address(self) -> str:
        """Where it listens for gRPC."""
        return f"127.0.0.1:{self.grpc_port}"


class IngressFile(Data, frozen=True):
    """The ingress. `api_port` is Traefik's own, on this machine only."""

    ingress: IngressSpec
    api_port: int


def made_from(name: str, spec: ReplicaSpec, ports: tuple[int, int], layout: Layout, has_tokens: bool) -> ReplicaFile:
    """Return a new replica. Pure."""
    grpc_port, rest_port = ports
    environment = dict(spec.environment) | {
        "SEAWAY_FOLLOW": str(layout.state),
        "SEAWAY_MODEL_STORE": spec.store,
        "SEAWAY_REPLICA_NAME": name,
        "SEAWAY_REPORTS": str(layout.state / DIRECTORY),
        "SEAWAY_REQUEST_LOG_DIRECTORY": str(layout.state / LOG_DIRECTORY),
        "SEAWAY_GRPC_ADDRESS": "127.0.0.1",
        "SEAWAY_GRPC_PORT": str(grpc_port),
        "SEAWAY_REST_ADDRESS": "127.0.0.1",
        "SEAWAY_REST_PORT": str(rest_port),
        # Traefik sends nothing any more before a replica is told to end, so nobody has to notice that.
        "SEAWAY_LAME_DUCK_S": "0",
    }
    if has_tokens:
        environment["SEAWAY_TOKENS_FILE"] = str(layout.secrets / TOKENS)
    if spec.gpu.memory_fraction:
        environment["SEAWAY_PER_PROCESS_GPU_MEMORY_FRACTION"] = f"{spec.gpu.memory_fraction:g}"
    command = (sys.executable, "-m", "seaway", "serve")
    return ReplicaFile(name, spec.digest, grpc_port, rest_port, False, spec.drain_timeout_s, command, environment)


def read_replicas(layout: Layout) -> tuple[ReplicaFile, ...]:
    """Return all replicas, by name."""
    return tuple(sorted(_read_all(layout.replicas), key=lambda each: each.name))


def read_replica(layout: Layout, name: str) -> ReplicaFile | None:
    """Return a replica, None when there is none of that name."""
    return next((each for each in read_replicas(layout) if each.name == name), None)


def write_replica(layout: Layout, replica: ReplicaFile) -> Path:
    """Write a replica, and return the file."""
    return write_whole(layout.replicas / f"{replica.name}.json", msgspec.json.encode(replica))


def read_ingress(layout: Layout) -> IngressFile | None:
    """Return the ingress, None when there is none."""
    try:
        return msgspec.json.decode(layout.ingress.read_bytes(), type=IngressFile)
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_whole(file: Path, content: bytes, mode: int = 0o600) -> Path:
    """Write a file beside and move it in; return it."""
    partial = file.with_name(f".{file.name}.partial")
    partial.touch(mode=mode)
    partial.chmod(mode)
    partial.write_bytes(content)
    return partial.replace(file)


def _read_all(directory: Path) -> Iterator[ReplicaFile]:
    if not directory.is_dir():
        return
    for file in directory.glob("*.json"):
        yield msgspec.json.decode(file.read_bytes(), type=ReplicaFile)
