"""Target `kubernetes`: a Deployment of replicas with what belongs to it, applied on the server's side.

Kubernetes keeps replicas alive, places, scales and updates them. What is served is a ConfigMap that the replicas
follow: a change of models restarts nothing.
"""

from __future__ import annotations

from functools import partial

from seaway.deploy.site import Place, Site
from seaway.deploy.targets.kubernetes.api import Cluster
from seaway.deploy.targets.kubernetes.plan import plan, teardown
from seaway.deploy.targets.kubernetes.render import render
from seaway.deploy.targets.kubernetes.state import ClusterState
from seaway.deploy.targets.kubernetes.target import KubernetesTarget

__all__ = ["render", "site"]


def site(place: Place) -> Site:
    """Return the site of a description whose target is `kubernetes`."""
    cluster = Cluster(place.description.kubernetes.context, place.description.kubernetes.namespace)
    state = ClusterState(cluster, place.description.project)
    target = KubernetesTarget(place.description.project, cluster, state, place.secrets, place.clock)
    return Site(target, state, plan, partial(teardown, project=place.description.project))
