"""What a deployment should be: the description with its meaning worked out.

Two kinds of change are kept apart because they cost differently. What a replica is *made from* (`ReplicaSpec`)
changes by replacing replicas; what is *published* to them (`Published`: models, versions, traffic) changes inside
running replicas. Each has a digest, and a target labels what it makes with it, so that comparing what is with what
should be needs no memory.
"""

from __future__ import annotations

from msgspec import field

from seaway.fleet.data import Data, digest
from seaway.fleet.published import Published


class GpuRequest(Data, frozen=True):
    """GPU resources of one replica."""

    count: int = 0
    mig: str = ""
    memory_fraction: float = 0.0


class SecretRef(Data, frozen=True):
    """A secret by what identifies it, never its value; the fingerprint is keyed and tells only whether it changed."""

    name: str
    fingerprint: str


class ReplicaSpec(Data, frozen=True):
    """Everything whose change means new replicas.

    `environment` carries the settings as `SEAWAY_*` beside the description's own; `store` and `state` are paths on the
    machine of the target.
    """

    image: str
    store: str
    state: str
    environment: dict[str, str] = field(default_factory=dict)
    cpu: float = 0.0
    memory_bytes: int | None = None
    gpu: GpuRequest = GpuRequest()
    secrets: tuple[SecretRef, ...] = ()
    constraints: tuple[str, ...] = ()
    spread: str = ""
    drain_timeout_s: float = 30.0

    @property
    def digest(self) -> str:
        """Equal for specs that make equal replicas."""
        return digest(self)


class IngressSpec(Data, frozen=True):
    """What clients connect to. `image` is that of Traefik, for targets that run containers."""

    address: str
    grpc_port: int
    rest_port: int
    image: str = ""
    certificate: str = ""
    key: str = ""
    fingerprint: str = ""
    """Of certificate and key, so that renewed files are seen."""

    @property
    def digest(self) -> str:
        """Equal for ingresses that are the same to clients."""
        return digest(self)


class Promise(Data, frozen=True):
    """What one model promises, as far as the monitor alerts on it."""

    model: str
    error_rate: float
    p99_ms: float | None = None
    memory_bytes: int | None = None


class MonitorSpec(Data, frozen=True):
    """The monitor, and everything whose change means another one.

    `arguments` are those of `seaway monitor` that say what it looks at, where it runs beside its description. `watched`
    is a digest of what it reads there.
    """

    address: str
    port: int
    image: str = ""
    state: str = ""
    interval_s: float = 5.0
    history_bytes: int = 2 * 2**30
    memory_bytes: int = 2**30
    promises: tuple[Promise, ...] = ()
    secrets: tuple[SecretRef, ...] = ()
    constraints: tuple[str, ...] = ()
    claim: str = ""
    arguments: tuple[str, ...] = ()
    watched: str = ""

    @property
    def digest(self) -> str:
        """Equal for specs that make equal monitors."""
        return digest(self)

    @property
    def place(self) -> str:
        """Where its page is, for a person."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


class ClusterSpec(Data, frozen=True):
    """What only a Kubernetes cluster is told. `most_replicas` of 0: the number of replicas is not scaled."""

    namespace: str
    store_claim: str = ""
    expose: str = "none"
    host: str = ""
    gateway: str = ""
    ingress_class: str = ""
    registry: str = ""
    service_monitor: bool = False
    least_replicas: int = 1
    most_replicas: int = 0
    metric: str = "in_flight"
    target: float = 0.0
    up_window_s: float = 0.0
    down_window_s: float = 0.0


class Desired(Data, frozen=True):
    """What should be."""

    project: str
    replica: ReplicaSpec
    replicas: int
    ingress: IngressSpec
    published: Published
    start_timeout_s: float = 120.0
    cluster: ClusterSpec | None = None
    monitor: MonitorSpec | None = None
    leaves_monitor: bool = False
    """The change is about something else: the monitor stays as it is, also where it is not as told."""
