"""Manifests: as they are printed, and as the API of several versions of Kubernetes takes them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from msgspec import structs

from seaway.deploy.desired import ClusterSpec, SecretRef
from seaway.deploy.targets.kubernetes.manifests import manifests
from seaway.deploy.targets.kubernetes.pod import Manifest
from seaway.deploy.targets.kubernetes.pods import trouble
from seaway.deploy.targets.kubernetes.render import render
from seaway.fleet.published import PublishedLog
from tests.support.kubernetes_deployments import DEPLOYMENTS
from tests.support.kubernetes_objects import MONITOR, desired, everything

GOLDEN = Path(__file__).parents[4] / "golden" / "deploy" / "kubernetes"
VERSIONS = ("1.30", "1.32", "1.34", "1.36", "1.37")
CUSTOM = {"ServiceMonitor", "GRPCRoute", "HTTPRoute"}
"""Kinds of other projects, for which there are no schemas here."""


@pytest.mark.parametrize("name", ["least", "everything", "ingress"])
def test_golden_manifests(name: str) -> None:
    file, text = GOLDEN / f"{name}.yaml", render(DEPLOYMENTS[name])
    if os.environ.get("SEAWAY_GOLDEN") == "rewrite":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert file.read_text() == text


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_official_schemas_take_them(name: str, version: str) -> None:
    checked = [each for each in manifests(DEPLOYMENTS[name], 1) if each["kind"] not in CUSTOM]
    assert len(checked) >= 5
    for manifest in checked:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_find_a_mistake() -> None:
    (deployment,) = [each for each in manifests(desired(), 1) if each["kind"] == "Deployment"]
    deployment["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)


def test_a_change_of_models_leaves_the_pods_alone() -> None:
    newer = structs.replace(desired(), published=structs.replace(desired().published, models=()))
    before, after = ({each["kind"]: each for each in manifests(made, 1)} for made in (desired(), newer))
    assert before["Deployment"] == after["Deployment"]
    assert before["ConfigMap"] != after["ConfigMap"]


def test_with_an_autoscaler_nobody_else_says_how_many_replicas_there_are() -> None:
    made = {each["kind"]: each for each in manifests(structs.replace(everything(), monitor=None), 1)}
    assert "replicas" not in made["Deployment"]["spec"]
    assert (
        made["HorizontalPodAutoscaler"]["spec"]["minReplicas"],
        made["HorizontalPodAutoscaler"]["spec"]["maxReplicas"],
    ) == (2, 10)


def of_the_monitor() -> dict[str, Manifest]:
    found = [each for each in manifests(everything(), 1) if each["metadata"]["name"].startswith("digits-monitor")]
    return {f"{each['kind']} {each['metadata']['name']}": each for each in found}


def test_the_monitors_pods_are_no_replicas_and_their_service_is_not_scraped() -> None:
    found = of_the_monitor()
    pods = found["Deployment digits-monitor"]["spec"]["template"]["metadata"]["labels"]
    (server,) = [
        each
        for each in manifests(everything(), 1)
        if (each["kind"], each["metadata"]["name"]) == ("Deployment", "digits")
    ]
    selected = server["spec"]["selector"]["matchLabels"]
    assert not selected.items() <= pods.items()
    assert "seaway.project" not in pods
    for each in found.values():
        assert not selected.items() <= each["metadata"]["labels"].items()
        assert each["metadata"]["labels"]["seaway.project"] == "digits", "it is found, and removed, with the rest"


def test_the_monitor_finds_all_replicas_by_a_name_and_needs_no_rights() -> None:
    found = of_the_monitor()
    assert found["Service digits-monitor-targets"]["spec"]["clusterIP"] == "None"
    assert found["Service digits-monitor-targets"]["spec"]["publishNotReadyAddresses"] is True
    pod = found["Deployment digits-monitor"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert "--dns digits-monitor-targets.models.svc:8501" in " ".join(container["args"])
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert {"name": "records", "persistentVolumeClaim": {"claimName": "history"}} in pod["volumes"]
    assert found["Deployment digits-monitor"]["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.parametrize(
    ("secrets", "egress"),
    [
        pytest.param((), "replicas", id="only-to-the-replicas"),
        pytest.param((SecretRef("monitor-notify-team", "a"),), "all", id="anywhere-where-people-are-told"),
    ],
)
def test_the_monitor_reaches_no_more_than_it_has_to(secrets: tuple[SecretRef, ...], egress: str) -> None:
    monitor = structs.replace(MONITOR, secrets=secrets)
    made = manifests(structs.replace(desired(), monitor=monitor), 1)
    (policy,) = [each for each in made if each["kind"] == "NetworkPolicy" and "monitor" in each["metadata"]["name"]]
    reached = [rule.get("ports", [{"port": "all"}])[0]["port"] for rule in policy["spec"]["egress"]]
    assert reached == ([53, 8501] if egress == "replicas" else ["all"])


def test_no_manifest_of_the_monitor_holds_a_secret() -> None:
    text = render(everything())
    assert "kubectl create secret generic digits-monitor --namespace models" in text
    assert "--from-file=monitor-notify-team=FILE --from-file=monitor-password=FILE" in text


def test_what_is_not_asked_for_is_not_made() -> None:
    kinds = {each["kind"] for each in manifests(desired(ClusterSpec("models")), 1)}
    assert kinds == {"ConfigMap", "NetworkPolicy", "Service", "Deployment", "PodDisruptionBudget"}


@pytest.mark.parametrize(
    ("status", "said"),
    [
        pytest.param({"state": {"running": {}}, "ready": True}, "", id="running"),
        pytest.param({"state": {"waiting": {"reason": "ContainerCreating"}}}, "", id="coming"),
        pytest.param(
            {"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}},
            "p: CrashLoopBackOff, exit code 1",
            id="crashing",
        ),
        pytest.param(
            {"state": {"running": {}}, "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}},
            "p: out of memory; raise `server.memory`",
            id="out-of-memory",
        ),
    ],
)
def test_what_the_state_of_a_pod_means(status: dict[str, object], said: str) -> None:
    assert trouble({"metadata": {"name": "p"}, "status": {"containerStatuses": [status]}}) == said


@pytest.mark.parametrize(
    ("prefix", "replica", "is_open"),
    [
        pytest.param("mnist", {}, False, id="a-path"),
        pytest.param("s3://b/m", {}, True, id="logs-to-a-url"),
        pytest.param("mnist", {"store": "s3://b/models"}, True, id="models-from-a-url"),
        pytest.param("mnist", {"environment": {"SEAWAY_TRACING_ENDPOINT": "http://otel:4317"}}, True, id="traces"),
        pytest.param("mnist", {"environment": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel"}}, True, id="otel"),
    ],
)
def test_replicas_reach_others_only_where_something_lies_there(
    prefix: str, replica: dict[str, Any], is_open: bool
) -> None:
    wanted = desired()
    models = tuple(structs.replace(each, log=PublishedLog(0.1, prefix)) for each in wanted.published.models)
    wanted = structs.replace(wanted, replica=structs.replace(wanted.replica, **replica))
    made = manifests(structs.replace(wanted, published=structs.replace(wanted.published, models=models)), 1)
    (policy,) = [each for each in made if each["kind"] == "NetworkPolicy"]
    assert (policy["spec"]["egress"] == [{}]) is is_open
