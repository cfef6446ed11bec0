"""What makes the number of replicas follow the load: for `seaway autoscale`, and for the monitor of a deployment.

Only one of them does at a time, whichever came first: it holds a lock of its own beside the one of changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from msgspec import structs

from seaway.deploy import lock
from seaway.deploy.autoscale.controller import Autoscaler, Hands
from seaway.deploy.deployment import Audience, Deployment, Intent, Situation
from seaway.deploy.description.schema import Description
from seaway.deploy.desired import Desired
from seaway.deploy.executor import Watch
from seaway.deploy.measurements import Measurements, MonitorApi
from seaway.deploy.plan import Plan
from seaway.errors import Aborted, InvalidArgument

LOCK = "lock-of-autoscaling.json"
_RETRY_S = 10.0

Tell = Callable[[str], None]
Changed = Callable[[int, str], None]


def autoscaler(deployment: Deployment, audience: Audience, changed: Changed) -> Autoscaler:
    """Return what looks at the load and scales; `changed` is told each new number with its cause."""

    def scale(replicas: int, cause: str) -> None:
        def scaled(situation: Situation) -> Desired:
            return structs.replace(deployment.deployed(situation), replicas=replicas)

        deployment.change(Intent(f"autoscale {replicas}", cause, scaled, is_automatic=True), audience)
        changed(replicas, cause)

    reports, measured = deployment.site.target.reports, measurements(deployment)
    hands = Hands(reports, deployment.replicas, scale, deployment.clock, measured)
    return Autoscaler(hands, deployment.description.autoscale, deployment.description.server.cpu)


def measurements(deployment: Deployment) -> Measurements:
    """Return who is asked what the replicas' own reports do not say: the deployment's monitor, or the one it names."""
    monitor = deployment.description.monitoring
    return MonitorApi(monitor.url or monitor.own_url)


def check(description: Description) -> None:
    """Make sure that a description has something to scale by. Raises: InvalidArgument - it has not, and why."""
    if not description.autoscale.max:
        raise InvalidArgument("autoscaling is off; set `autoscale.max` in seaway.yaml")
    if description.target == "kubernetes":
        raise InvalidArgument("on Kubernetes the HorizontalPodAutoscaler scales; `seaway deploy` makes it")


def alone(deployment: Deployment, command: str) -> AbstractContextManager[None]:
    """Be the only one that scales, for as long as the block lasts.

    Raises:  Aborted - somebody else does, and who.
    """
    me = lock.this_process(command, deployment.who, deployment.clock)
    return lock.held(deployment.site.state, me, deployment.clock, LOCK)


def keep_scaling(deployment: Deployment, stop: threading.Event, tell: Tell) -> None:
    """Scale until told to stop; while somebody else does, wait for that to end."""
    told = ""
    while not stop.is_set():
        try:
            with alone(deployment, "autoscale"):
                tell(f"scaling {deployment.description.project} as `autoscale` in its description says")
                autoscaler(deployment, _silent(tell), lambda *_: None).run(stop, tell)
        except Aborted as err:
            if err.message != told:
                told = err.message
                tell(f"not scaling: {told}")
            deployment.clock.wait(stop, _RETRY_S)


def _silent(tell: Tell) -> Audience:
    """Return an audience that agrees to every plan and is told its lines."""

    def agree(plan: Plan) -> bool:
        for line in plan.lines():
            tell(line)
        return True

    return Audience(agree, Watch(lambda *_: None, lambda *_: None, lambda _: None))
