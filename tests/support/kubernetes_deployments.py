"""Deployments that use each part of what the target `kubernetes` can write."""

from __future__ import annotations

from msgspec import structs

from seaway.deploy.desired import Desired, GpuRequest
from seaway.deploy.targets.kubernetes.manifests import cluster_of
from tests.support.kubernetes_objects import desired, everything


def by_ingress() -> Desired:
    cluster = structs.replace(cluster_of(everything()), expose="ingress", ingress_class="nginx", metric="cpu")
    return structs.replace(everything(), cluster=cluster)


def by_mig() -> Desired:
    gpu = GpuRequest(mig="1g.10gb")
    return structs.replace(desired(), replica=structs.replace(desired().replica, gpu=gpu))


DEPLOYMENTS = {"least": desired(), "everything": everything(), "ingress": by_ingress(), "mig": by_mig()}
