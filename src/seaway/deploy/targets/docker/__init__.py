"""Target `docker`: replicas as containers of one Docker engine, behind a Traefik that finds them by their labels.

Everything that is made carries the project as a label, and a digest of what it was made from; nothing else is
remembered.
"""

from __future__ import annotations

from seaway.deploy.reconcile import reconcile, teardown
from seaway.deploy.site import Place, Site
from seaway.deploy.state import StateDirectory
from seaway.deploy.targets.docker.engine import Engine
from seaway.deploy.targets.docker.target import DockerTarget


def site(place: Place) -> Site:
    """Return the site of a description whose target is `docker`."""
    state = StateDirectory(place.state)
    target = DockerTarget(place.description.project, Engine(), state, place.secrets, place.clock)
    return Site(target, state, reconcile, teardown)
