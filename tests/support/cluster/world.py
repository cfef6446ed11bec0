"""A cluster with a model store and images, the people who work with it, and what they see."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
import yaml

from tests.support.artifacts import ARTIFACTS
from tests.support.cluster.control_plane import ControlPlane
from tests.support.cluster.network import network
from tests.support.cluster.node import PAUSE_IMAGE, Node
from tests.support.deployed import Deployed
from tests.support.engine import Engine
from tests.support.images import BROKEN, SEAWAY, SEAWAY_NEXT, add_seaway, derived
from tests.support.store import Store

ROLE = Path(__file__).parents[3] / "docs" / "deploy-kubernetes-role.yaml"
NAMESPACE = "models"
"""Where the documented Role allows `deployer` to deploy."""

TOKEN = "cluster-secret-token"
_REST_PORT = 8501
_PYTHON = "/opt/seaway/bin/python"
_PLACES = {
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/roles/{name}",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/{name}",
}


@dataclass(frozen=True, slots=True)
class World:
    """What tests of deployments on Kubernetes work with."""

    plane: ControlPlane
    store: Store

    def deployed(self, project: str, description: str, user: str = "deployer") -> Deployed:
        """Return a deployment that somebody describes and drives."""
        kubeconfig = str(self.plane.kubeconfig(user))
        return Deployed(ARTIFACTS / "kubernetes" / project, description, KUBECONFIG=kubeconfig, APP_TOKEN=TOKEN)

    def ready(self, deployed: Deployed) -> list[dict[str, Any]]:
        """Return what `status` says of the replicas that are ready."""
        return [each for each in deployed.status()["replicas"] if each["state"] == "ready"]

    def objects(self, namespace: str, project: str) -> list[str]:
        """Return every object of a project that is left, whoever made it."""
        kinds = ("api/v1/configmaps", "api/v1/secrets", "api/v1/services", "api/v1/pods", "apis/apps/v1/deployments",
                 "apis/apps/v1/replicasets", "apis/networking.k8s.io/v1/networkpolicies",
                 "apis/policy/v1/poddisruptionbudgets", "apis/autoscaling/v2/horizontalpodautoscalers")  # fmt: skip
        found = []
        for kind in kinds:
            group, _, plural = kind.rpartition("/")
            items = self.plane.get(f"/{group}/namespaces/{namespace}/{plural}")["items"]
            found += [f"{plural}/{name}" for name in (each["metadata"]["name"] for each in items) if project in name]
        return found

    def make_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> None:
        """Make a namespace; its labels say for instance how strict it is with pods."""
        metadata = {"name": name, "labels": dict(labels or {})}
        status, document = self.plane.ask(
            "POST", "/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
        )
        assert status == 201, document

    def answer(self, address: str, token: str = TOKEN) -> float:
        """Return what the model adder of a pod says to 0: the version that answered."""
        with urllib3.PoolManager() as pool:
            url = f"http://{address}:{_REST_PORT}/v1/models/adder:predict"
            headers = {"Authorization": f"Bearer {token}"}
            answer = pool.request("POST", url, json={"instances": [0.0]}, headers=headers, timeout=30, retries=False)
        assert answer.status == 200, f"{answer.status} {answer.data!r}"
        return float(answer.json()["predictions"][0])


@contextmanager
def world(programs: Path, directory: Path, store: Store) -> Iterator[World]:
    """Yield a cluster whose node has the images; logs of its programs stay in `artifacts/kubernetes`."""
    logs = ARTIFACTS / "kubernetes"
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    with network():
        plane = ControlPlane(programs, directory / "plane")
        node = Node(plane, directory / "node")
        try:
            begun = time.monotonic()
            plane.start()
            node.start()
            print(f"{plane.version()} and a node were ready after {time.monotonic() - begun:.1f} s")
            _add_images(node, directory / "engine")
            made = World(plane, store)
            made.make_namespace(NAMESPACE)
            _allow(plane, yaml.safe_load_all(ROLE.read_text()))
            yield made
        finally:
            node.stop()
            plane.stop()
            for log in plane.directory.glob("*.log"):
                shutil.copy(log, logs)


def _allow(plane: ControlPlane, manifests: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> None:
    for each in manifests:
        status, document = plane.apply(_PLACES[each["kind"]].format(**each["metadata"]), each)
        assert status in {200, 201}, document


def _add_images(node: Node, directory: Path) -> None:
    engine = Engine(directory).start()
    try:
        engine.add_base()
        add_seaway(engine)
        for tag, change in (
            (SEAWAY_NEXT, "LABEL test.next=yes"),
            (BROKEN, f'ENTRYPOINT ["{_PYTHON}", "-c", "raise SystemExit(\'this image is broken\')"]'),
            (PAUSE_IMAGE, f'ENTRYPOINT ["{_PYTHON}", "-c", "import signal; signal.pause()"]'),
        ):
            derived(engine.client, f"FROM {SEAWAY}\n{change}\n", tag)
        node.add_images(engine.host, (SEAWAY, SEAWAY_NEXT, BROKEN, PAUSE_IMAGE))
    finally:
        engine.stop()
