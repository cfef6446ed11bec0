"""Target `swarm`: replicas as a service of a Docker Swarm on an overlay network, behind a Traefik that finds its tasks.

Swarm keeps replicas alive, places them, updates them one after another and rolls an update back that fails. A plan
here is about its objects, and about what is published.
"""

from __future__ import annotations

from functools import partial

from seaway.deploy.site import Place, Site
from seaway.deploy.state import StateDirectory
from seaway.deploy.targets.docker.engine import Engine
from seaway.deploy.targets.swarm.plan import plan, teardown
from seaway.deploy.targets.swarm.target import SwarmTarget


def site(place: Place) -> Site:
    """Return the site of a description whose target is `swarm`."""
    state = StateDirectory(place.state)
    target = SwarmTarget(place.description.project, Engine(), state, place.secrets, place.clock)
    return Site(target, state, plan, partial(teardown, project=place.description.project))
