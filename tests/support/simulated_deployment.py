"""A target made of data, which does each operation perfectly: what reconcile's plans are tried on without an engine."""

from __future__ import annotations

from msgspec.structs import replace

from seaway.deploy.desired import Desired, IngressSpec, MonitorSpec, ReplicaSpec
from seaway.deploy.observed import Observed, ObservedIngress, ObservedMonitor, PublishedNow, Replica, State
from seaway.deploy.operations import (
    AnyOperation,
    Clear,
    Prepare,
    Publish,
    StartIngress,
    StartMonitor,
    StartReplica,
    StopIngress,
    StopMonitor,
    StopReplica,
)
from seaway.fleet.published import Published, PublishedModel


def monitor(port: int = 8502) -> MonitorSpec:
    return MonitorSpec("127.0.0.1", port)


def desired(
    replicas: int = 2,
    image: str = "a",
    version: int = 1,
    port: int = 8500,
    monitor: MonitorSpec | None = None,
    leaves_monitor: bool = False,
) -> Desired:
    return Desired(
        project="digits",
        replica=ReplicaSpec(image=image, store="/store", state="/store/.seaway"),
        replicas=replicas,
        ingress=IngressSpec("127.0.0.1", port, port + 1),
        published=published(version),
        monitor=monitor,
        leaves_monitor=leaves_monitor,
    )


def published(version: int = 1) -> Published:
    return Published((PublishedModel("mnist", "mnist", (version,)),))


class SimulatedTarget:
    """Holds what is observed and changes it as told; remembers the decision in force as a store would."""

    def __init__(self, observed: Observed | None = None, decision: Published | None = None) -> None:
        self.observed = observed or Observed()
        self.decision = decision
        self.before: Published | None = None

    def apply(self, operation: AnyOperation) -> None:
        there = self.observed
        match operation:
            case Prepare():
                self.observed = replace(there, is_prepared=True)
            case Clear():
                self.observed = replace(there, is_prepared=False, published=None)
            case StartIngress(ingress):
                self.observed = replace(there, ingress=ObservedIngress(ingress.digest))
            case StopIngress():
                self.observed = replace(there, ingress=None)
            case StartReplica(name, spec):
                others = tuple(replica for replica in there.replicas if replica.name != name)
                started = Replica(name, spec.digest, State.READY, applied=True)
                self.observed = replace(there, replicas=(*others, started))
            case StopReplica(name):
                kept = tuple(replica for replica in there.replicas if replica.name != name)
                self.observed = replace(there, replicas=kept)
            case StartMonitor(monitor):
                self.observed = replace(there, monitor=ObservedMonitor(monitor.digest, place=monitor.place))
            case StopMonitor():
                self.observed = replace(there, monitor=None)
            case Publish():
                self._publish(operation)
            case _:
                raise AssertionError(f"{operation} is none of a target that runs replicas itself")

    def _publish(self, operation: Publish) -> None:
        now, digest = self.observed.published, operation.published.digest
        assert now is None or operation.generation > now.generation, "a generation never goes back"
        before = ""
        if operation.first is not None and now is not None:
            is_partial = now.first is not None
            before = now.before_digest if is_partial else now.digest
        first = operation.first
        replicas = tuple(
            replace(replica, generation=operation.generation, applied=True)
            if first is None or replica.name in first
            else replica
            for replica in self.observed.replicas
        )
        published_now = PublishedNow(operation.generation, digest, first, before)
        self.decision = operation.published
        self.observed = replace(self.observed, published=published_now, replicas=replicas)
