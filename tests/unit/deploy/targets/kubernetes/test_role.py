"""The documented Role: all that is asked for, and nothing else."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import yaml

from seaway.deploy.targets.kubernetes.api import KINDS

ROLE = Path(__file__).parents[5] / "docs" / "deploy-kubernetes-role.yaml"
MADE = {"get", "list", "create", "patch", "delete"}
LOOKED_AT = {
    ("apps", "replicasets"): {"list"},
    ("", "pods"): {"get", "list", "patch"},
    ("", "pods/proxy"): {"get"},
    ("", "pods/portforward"): {"get", "create"},
    ("", "pods/log"): {"get"},
    ("", "pods/exec"): {"get", "create"},
}


def test_the_role_allows_every_kind_that_is_made_and_what_is_looked_at() -> None:
    role, binding = yaml.safe_load_all(ROLE.read_text())
    allowed = {
        (group, resource): set(rule["verbs"])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    made = {(version.rpartition("/")[0], plural): MADE for version, plural in KINDS.values()}
    assert allowed == made | LOOKED_AT
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    for each in (role, binding):
        kubernetes_validate.validate(each, "1.37", strict=True)
