"""Manifests as YAML, for people, kubectl and kustomize. Pure."""

from __future__ import annotations

import yaml

from seaway.deploy.desired import Desired
from seaway.deploy.targets.containers import TOKENS
from seaway.deploy.targets.kubernetes.manifests import manifests, tokens_name
from seaway.deploy.targets.kubernetes.pod import Manifest

_NO_SECRET = """\
# The Secret {name} is not here: its content is nobody's to print. `seaway deploy` makes it; by hand:
#   kubectl create secret generic {name} --namespace {namespace} {files}
"""


def render(desired: Desired, generation: int = 1) -> str:
    """Return the manifests of a deployment as documents that `kubectl apply -f -` takes, without secrets."""
    found = manifests(desired, generation)
    secrets = [each for each in found if each["kind"] == "Secret"]
    text = "".join(
        _NO_SECRET.format(
            name=each["metadata"]["name"], namespace=each["metadata"]["namespace"], files=_files(each, desired.project)
        )
        for each in secrets
    )
    others = [each for each in found if each["kind"] != "Secret"]
    return text + yaml.safe_dump_all(others, sort_keys=False, explicit_start=True)


def _files(secret: Manifest, project: str) -> str:
    """Return the options that name what a Secret holds: all tokens in one file, or a file for each fingerprint."""
    fingerprints = secret["metadata"].get("annotations", {})
    named = [TOKENS] if secret["metadata"]["name"] == tokens_name(project) else fingerprints
    return " ".join(f"--from-file={each.rpartition('/')[2]}=FILE" for each in named)
