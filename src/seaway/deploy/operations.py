"""What a target can be told to do. Each operation is idempotent: done again, it changes nothing and succeeds.

An operation has happened when `apply` returns: a replica that was started is ready and in rotation, one that was
stopped has finished its requests and is gone, a published decision is served by those that it names.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import field

from seaway.deploy.desired import IngressSpec, MonitorSpec, ReplicaSpec
from seaway.fleet.data import Data
from seaway.fleet.published import Published


class Operation(Data, tag=True, frozen=True):
    """One change. `str()` is its line in a plan: no more than a person needs to say yes or no."""


class Prepare(Operation, frozen=True):
    """Make what replicas need around them: network, directories, supervisor."""

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return "prepare the target"


class Publish(Operation, frozen=True):
    """Tell replicas what to serve, and wait until those named do.

    `first` names the replicas that follow it, None all of them; the others go on with the decision before. `wait` names
    those that are waited for.
    """

    generation: int
    published: Published
    first: tuple[str, ...] | None = None
    wait: tuple[str, ...] = ()
    timeout_s: float = 120.0

    def __str__(self) -> str:
        """Return it as a person reads it."""
        whom = "all replicas" if self.first is None else ", ".join(self.wait) or "new replicas"
        return f"publish generation {self.generation} to {whom}"


class StartIngress(Operation, frozen=True):
    """Open the ports that clients connect to, in place of an ingress that is there."""

    ingress: IngressSpec

    def __str__(self) -> str:
        """Return it as a person reads it."""
        at = self.ingress
        tls = " with TLS" if at.certificate else ""
        return f"start ingress on {at.address}: gRPC {at.grpc_port}, REST {at.rest_port}{tls}"


class StopIngress(Operation, frozen=True):
    """Close the ports."""

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return "stop ingress"


class StartReplica(Operation, frozen=True):
    """Start a replica unless it runs, and wait until it is ready for every model and in rotation."""

    name: str
    spec: ReplicaSpec
    timeout_s: float

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"start {self.name} and wait until it is ready"


class StopReplica(Operation, frozen=True):
    """Take a replica out of rotation, let its requests finish, stop and remove it."""

    name: str
    drain_timeout_s: float

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"drain and stop {self.name}"


class StartMonitor(Operation, frozen=True):
    """Run a monitor in place of one that is there, and wait until it answers; `how` is what that is to a person."""

    monitor: MonitorSpec
    how: Literal["create", "replace", "start"] = "create"
    timeout_s: float = 90.0

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.how} monitor on {self.monitor.place}"


class StopMonitor(Operation, frozen=True):
    """End the monitor; what it has kept stays."""

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return "remove monitor"


class Clear(Operation, frozen=True):
    """Remove what `Prepare` made, and what the monitor has kept unless `keeps_records`."""

    keeps_records: bool = False

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return "remove what is left of the deployment"


class ApplyObject(Operation, frozen=True):
    """Create or change one object of an orchestrator (a service, a Deployment …) and wait until it is as told.

    `old` and `new` are the object as it is and as it shall be, without secrets; `old` is empty when it is created.
    """

    kind: str
    name: str
    digest: str
    new: dict[str, Any]
    old: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 300.0

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{'change' if self.old else 'create'} {self.kind} {self.name}"


class RemoveObject(Operation, frozen=True):
    """Remove one object of an orchestrator."""

    kind: str
    name: str

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"remove {self.kind} {self.name}"


AnyOperation = (
    Prepare
    | Publish
    | StartIngress
    | StopIngress
    | StartReplica
    | StopReplica
    | StartMonitor
    | StopMonitor
    | Clear
    | ApplyObject
    | RemoveObject
)
