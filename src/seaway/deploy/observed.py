"""What is there, as a target that runs replicas itself (process, docker) saw it at one moment."""

from __future__ import annotations

from enum import Enum
from typing import Any

from msgspec import field

from seaway.fleet.data import Data


class State(Enum):
    """Where a replica is in its life.

    STARTING → READY ⇄ UNREADY → gone.  LOST is one that nobody keeps alive any more: ended for good, or running with no
    supervisor. A target reports one that is being restarted as UNREADY.
    """

    STARTING = "starting"
    READY = "ready"
    UNREADY = "unready"
    LOST = "lost"


class Replica(Data, frozen=True):
    """One server process of the deployment.

    `spec` is the digest of what it was made from; `generation` what it says it follows, and `applied` whether it has
    brought that about. `reason` says why it is not ready, for a person. `address` tells a person where it is;
    `rest_address` is where its REST API can be reached from here, empty where it cannot.
    """

    name: str
    spec: str
    state: State
    generation: int = 0
    applied: bool = False
    reason: str = ""
    address: str = ""
    rest_address: str = ""
    restarts: int = 0


class ObservedIngress(Data, frozen=True):
    """What clients connect to."""

    spec: str
    is_running: bool = True
    reason: str = ""


class ObservedMonitor(Data, frozen=True):
    """What looks at the replicas. `place` is where its page is, for a person."""

    spec: str
    is_running: bool = True
    reason: str = ""
    place: str = ""


class PublishedNow(Data, frozen=True):
    """The decision in force.

    `first` names the replicas that follow it while all others follow the one before; None once everyone does.
    """

    generation: int
    digest: str
    first: tuple[str, ...] | None = None
    before_digest: str = ""


class ObservedObject(Data, frozen=True):
    """An object of an orchestrator, made by this deployment (`digest` is the label that says from what).

    `problem` is empty unless it is not as its orchestrator was told, for a person.
    """

    kind: str
    name: str
    digest: str
    body: dict[str, Any] = field(default_factory=dict)
    problem: str = ""


class Observed(Data, frozen=True):
    """All of a deployment. `is_prepared`: what replicas need around them (network, directories) is there.

    `objects` only where an orchestrator runs the replicas (swarm, kubernetes): there the plan is about them.
    """

    is_prepared: bool = False
    ingress: ObservedIngress | None = None
    replicas: tuple[Replica, ...] = ()
    published: PublishedNow | None = None
    objects: tuple[ObservedObject, ...] = ()
    monitor: ObservedMonitor | None = None

    @property
    def is_nothing(self) -> bool:
        """Tell whether nothing of the deployment is there."""
        return not (self.is_prepared or self.ingress or self.replicas or self.objects or self.monitor)
