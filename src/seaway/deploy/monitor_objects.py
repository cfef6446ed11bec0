"""Which objects of an orchestrator belong to the monitor of a deployment: they are told by their names. Pure."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import structs

from seaway.deploy.desired import Desired
from seaway.deploy.observed import Observed


def monitor_object(project: str) -> str:
    """Return the name of the monitor's own objects; what belongs to it has a name that begins so."""
    return f"{project}-monitor"


def of_monitor(project: str) -> Callable[[str], bool]:
    """Return what tells whether an object of that name belongs to the monitor."""
    own = monitor_object(project)
    return lambda name: name == own or name.startswith(f"{own}-")


def without_monitor(desired: Desired, observed: Observed) -> tuple[Desired, Observed]:
    """Return both as a change sees them that leaves the monitor as it is."""
    if not desired.leaves_monitor:
        return desired, observed
    is_its = of_monitor(desired.project)
    others = tuple(each for each in observed.objects if not is_its(each.name))
    return structs.replace(desired, monitor=None), structs.replace(observed, objects=others)
