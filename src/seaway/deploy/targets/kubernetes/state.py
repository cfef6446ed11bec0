"""The state of a deployment in its cluster, so that deployers on different machines share lock and history.

Each document is a ConfigMap of its own. The decision on what is served is the one that replicas have as a
directory, and is made by plans like any other object: this only reads it.
"""

from __future__ import annotations

import base64
import hashlib
import re

from seaway.deploy.targets.kubernetes.api import Cluster
from seaway.deploy.targets.kubernetes.manifests import decision_name
from seaway.fleet.published import FILE_NAME

STATE_LABEL = "seaway.state"
_NAME = "name"
_CONTENT = "content"
_OTHER = re.compile(r"[^a-z0-9.-]+")


class ClusterState:
    """Documents as ConfigMaps."""

    def __init__(self, cluster: Cluster, project: str) -> None:
        """Ask nothing yet."""
        self._cluster = cluster
        self._project = project

    def read(self, name: str) -> bytes | None:
        """Return a document, None when there is none."""
        if name == FILE_NAME:
            decision = self._cluster.find("ConfigMap", decision_name(self._project))
            return decision["data"][FILE_NAME].encode() if decision is not None else None
        found = self._cluster.find("ConfigMap", self._object_name(name))
        return base64.b64decode(found["binaryData"][_CONTENT]) if found is not None else None

    def write(self, name: str, content: bytes) -> None:
        """Put a document in the place of what was there."""
        self._cluster.apply(self._manifest(name, content))

    def create(self, name: str, content: bytes) -> None:
        """Write a document that is not there yet; of two who try at once, one succeeds.

        Raises:  AlreadyExists - it is there.
        """
        self._cluster.create(self._manifest(name, content))

    def remove(self, name: str) -> None:
        """Remove a document; nothing happens when there is none."""
        self._cluster.remove("ConfigMap", self._object_name(name))

    def clear(self) -> None:
        """Remove every document."""
        for each in self._cluster.all("ConfigMap", f"{STATE_LABEL}={self._project}"):
            self._cluster.remove("ConfigMap", each["metadata"]["name"])

    def _object_name(self, name: str) -> str:
        plain = _OTHER.sub("-", name.lower()).strip("-.")
        # Names that differ only in what an object's name cannot hold are different documents still.
        distinct = "" if plain == name else f"-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        return f"{self._project}-state-{plain}{distinct}"

    def _manifest(self, name: str, content: bytes) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self._object_name(name),
                "namespace": self._cluster.namespace,
                "labels": {STATE_LABEL: self._project},
                "annotations": {f"{STATE_LABEL}/{_NAME}": name},
            },
            "binaryData": {_CONTENT: base64.b64encode(content).decode()},
        }
