"""Deployments on a real Kubernetes: API server, controllers, scheduler, and one node with a kubelet and containerd.

No image is pulled, nothing enforces network policies, and no proxy spreads requests: tests ask pods where they are.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from seaway.deploy.targets.kubernetes.api import KINDS
from seaway.deploy.targets.kubernetes.manifests import manifests
from tests.models.cache import Models
from tests.support.clients import Load
from tests.support.cluster.node import PAUSE_IMAGE
from tests.support.cluster.programs import VARIABLE, why_not
from tests.support.cluster.world import NAMESPACE, World, world
from tests.support.deployed import Deployed, ended
from tests.support.engine import skip_unless_possible
from tests.support.eventually import eventually, true_soon
from tests.support.images import BROKEN, SEAWAY, SEAWAY_NEXT
from tests.support.kubernetes_deployments import DEPLOYMENTS
from tests.support.server import http
from tests.support.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(900),
    # The client of the engine leaves sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]

DESCRIPTION = """\
project: {project}
store: {store}
target: kubernetes
models:
  adder: {{objective: {{disagreement: 1.0}}}}
server:
  image: {image}
  replicas: {replicas}
  tokens: [{{env: APP_TOKEN}}]
  start_timeout_s: {start_timeout_s}
  settings: {{trials: {{enabled: false}}, engine: {{engine: openvino}}}}
rollout: {{shadow: 0, canary: [0.5], stage_s: 1, bake_s: 1, min_samples: 20, patience_s: 60, tolerance: 100}}
monitor: {monitor}
kubernetes: {{namespace: {namespace}, store_claim: "{claim}"}}
"""
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/sums"
MERGE = "application/merge-patch+json"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
EXAMPLES = Path(__file__).parents[2] / "examples" / "kserve"


@pytest.fixture(scope="module")
def cluster(models: Models, open_directory: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A cluster over a store with one version of one model."""
    programs = os.environ.get(VARIABLE, "")
    if why := why_not(programs):
        pytest.skip(why)
    skip_unless_possible()
    store = Store(open_directory("store"), models)
    store.add("adder", 1, "adder", "1")
    # Not below pytest's own directories: pods run as a user who may not enter those.
    with world(Path(programs), open_directory("cluster"), store) as made:
        yield made


@pytest.fixture(scope="module")
def sums(cluster: World) -> Iterator[Deployed]:
    """The deployment that tests change one after another."""
    deployed = cluster.deployed("sums", text(cluster))
    yield deployed
    deployed.clean_up()


def text(cluster: World, extra: str = "", **changed: Any) -> str:
    values = {
        "project": "sums",
        "store": cluster.store.root,
        "image": SEAWAY,
        "replicas": 2,
        "start_timeout_s": 60,
        "monitor": "false",
        "namespace": NAMESPACE,
        "claim": "",
    }
    return DESCRIPTION.format(**(values | changed)) + extra


def addresses(cluster: World, deployed: Deployed) -> list[str]:
    return [each["address"] for each in cluster.ready(deployed)]


@pytest.mark.smoke
def test_a_deployment_comes_up_from_nothing_and_the_next_plan_is_empty(cluster: World, sums: Deployed) -> None:
    assert sums.plan() == [
        "create Secret sums-tokens",
        "create ConfigMap sums-decision",
        "create NetworkPolicy sums",
        "create Service sums",
        "create Deployment sums",
        "create PodDisruptionBudget sums",
    ]
    sums.run("deploy", "--yes").ok()
    assert sums.plan() == []
    assert [cluster.answer(address) for address in addresses(cluster, sums)] == [1.0, 1.0]
    with pytest.raises(AssertionError, match="401"):
        cluster.answer(addresses(cluster, sums)[0], token="another")
    shown = sums.run("history", "--json").ok().out + sums.run("plan", "--json").ok().out
    assert "cluster-secret-token" not in shown


def test_who_may_not_or_is_not_known_is_told_so(cluster: World) -> None:
    ran = cluster.deployed("viewed", text(cluster), user="viewer").run("plan")
    assert ran.code == 1
    assert 'User "viewer" cannot get resource "configmaps"' in ran.err
    assert "docs/deploy-kubernetes.md" in ran.err
    stranger = cluster.deployed("strange", text(cluster))
    nobody = cluster.plane.kubeconfig_of("nobody", {"token": "of-nobody"})
    stranger.environment["KUBECONFIG"] = str(nobody)
    ran = stranger.run("plan")
    assert ran.code == 1
    assert "the cluster does not know who asks" in ran.err


def test_a_namespace_that_is_not_there_is_told(cluster: World) -> None:
    ran = cluster.deployed("lost", text(cluster, namespace="nowhere"), user="admin").run("deploy", "--yes")
    assert ran.code == 1
    assert "the cluster has no namespace 'nowhere'; `kubectl create namespace nowhere` makes it" in ran.err


def test_what_somebody_else_has_changed_is_shown_and_put_right(cluster: World, sums: Deployed) -> None:
    cluster.plane.ask("PATCH", f"{DEPLOYMENT}?fieldManager=a-person", {"spec": {"replicas": 1}}, MERGE)
    service = f"/api/v1/namespaces/{NAMESPACE}/services/sums?fieldManager=a-person"
    cluster.plane.ask("PATCH", service, {"metadata": {"labels": {"app.kubernetes.io/part-of": None}}}, MERGE)
    assert sums.run("plan").ok().out.splitlines() == [
        "[1] change Service sums: somebody else has changed it: "
        "metadata.labels.app.kubernetes.io/part-of nothing → sums",
        '[2] change Deployment sums: somebody else has set .spec.replicas (conflict with "a-person" using apps/v1)',
    ]
    sums.run("deploy", "--yes").ok()
    assert sums.plan() == []
    assert cluster.plane.get(DEPLOYMENT)["spec"]["replicas"] == 2


def test_a_rollout_and_a_rollback_reach_every_pod_and_lose_no_request(cluster: World, sums: Deployed) -> None:
    cluster.store.add("adder", 2, "adder", "2")
    assert sums.plan() == []
    pods = addresses(cluster, sums)
    turns = iter(range(10**9))
    with Load(lambda: cluster.answer(pods[next(turns) % 2])) as load:
        ran = sums.run("rollout", "adder", "2", "--yes").ok()
        assert {cluster.answer(pod) for pod in pods} == {2.0}
        sums.run("rollback", "adder", "--yes").ok()
        assert {cluster.answer(pod) for pod in pods} == {1.0}
    assert load.failures == []
    print(f"{load.calls} requests, none failed; {ran.out.count(' done in ')} changes of the decision")
    assert sums.plan() == []


def test_logs_and_commands_are_those_of_the_pod(cluster: World, sums: Deployed) -> None:
    pod = cluster.ready(sums)[0]["name"]
    assert "following generation" in sums.run("logs", pod, "--tail", "50").ok().out
    script = "import os, sys; print(os.getuid()); print('aside', file=sys.stderr); sys.exit(3)"
    ran = sums.run("exec", pod, "--", "/opt/seaway/bin/python", "-c", script)
    assert (ran.code, ran.out, ran.err) == (3, "10001\n", "aside\n")


def test_scaling_changes_the_number_of_pods(cluster: World, sums: Deployed) -> None:
    sums.run("scale", "3", "--yes").ok()
    assert len(cluster.ready(sums)) == 3
    sums.run("deploy", "--yes").ok()
    assert len(cluster.ready(sums)) == 2
    assert sums.plan() == []


def test_an_autoscaler_takes_the_replicas_over_as_they_are(cluster: World, sums: Deployed) -> None:
    sums.describe(text(cluster, "autoscale: {min: 2, max: 4}\n"))
    before = scalings(cluster)
    sums.run("deploy", "--yes").ok()
    assert scalings(cluster) == before, "there was never another number of replicas"
    assert cluster.plane.get(DEPLOYMENT)["spec"]["replicas"] == 2
    assert sums.plan() == []
    sums.describe(text(cluster))
    sums.run("deploy", "--yes").ok()
    assert sums.plan() == []
    assert [name for name in cluster.objects(NAMESPACE, "sums") if name.startswith("horizontal")] == []


def scalings(cluster: World) -> set[str]:
    events = cluster.plane.get(f"/api/v1/namespaces/{NAMESPACE}/events")["items"]
    return {each["metadata"]["uid"] for each in events if each["reason"] == "ScalingReplicaSet"}


def test_an_image_that_crashes_is_put_back_with_its_reason(cluster: World, sums: Deployed) -> None:
    sums.describe(text(cluster, image=BROKEN))
    ran = sums.run("deploy", "--yes")
    assert ran.code == 1
    assert "CrashLoopBackOff, exit code 1" in ran.err
    sums.describe(text(cluster))
    assert sums.plan() == []
    assert len(cluster.ready(sums)) == 2


def test_what_never_gets_ready_runs_out_of_time_and_is_put_back(cluster: World, sums: Deployed) -> None:
    sums.describe(text(cluster, image=PAUSE_IMAGE, start_timeout_s=5))
    ran = sums.run("deploy", "--yes")
    assert ran.code == 1
    assert "sums was not rolled out within 10 s: 1 of 2 updated, 2 available" in ran.err
    assert "is not ready yet" in ran.err
    sums.describe(text(cluster))
    assert sums.plan() == []


def test_pods_that_the_cluster_refuses_end_the_deploy_with_its_words(cluster: World, sums: Deployed) -> None:
    quota = f"/api/v1/namespaces/{NAMESPACE}/resourcequotas/few"
    manifest = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few"},
        "spec": {"hard": {"pods": "2"}},
    }
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    eventually(lambda: len(cluster.plane.get(pods)["items"]), lambda count: count == 2, "others have gone", 120)
    cluster.plane.apply(quota, manifest)
    eventually(lambda: cluster.plane.get(quota), lambda found: found["status"]["used"] == {"pods": "2"}, "it counts")
    sums.describe(text(cluster, image=SEAWAY_NEXT))
    ran = sums.run("deploy", "--yes")
    cluster.plane.ask("DELETE", quota)
    assert ran.code == 1
    assert "no pod is let in" in ran.err
    assert "exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2" in ran.err
    sums.run("deploy", "--yes").ok()
    assert sums.plan() == []
    sums.run("rollback", "--yes").ok()
    assert cluster.plane.get(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"] == SEAWAY


def test_a_second_deployer_is_refused_and_an_interrupted_deploy_is_finished(cluster: World, sums: Deployed) -> None:
    sums.describe(text(cluster, image=SEAWAY_NEXT))
    first = sums.begin("deploy", "--yes")
    state = f"/api/v1/namespaces/{NAMESPACE}/configmaps/sums-state-lock.json"
    true_soon(lambda: cluster.plane.ask("GET", state)[0] == 200, "the first has the lock")
    second = sums.run("deploy", "--yes")
    assert second.code == 1
    assert "has been busy with `deploy`" in second.err
    true_soon(lambda: image(cluster) == SEAWAY_NEXT, "the first has changed the Deployment")
    os.killpg(first.pid, signal.SIGINT)
    assert ended(first).code != 0
    sums.run("deploy", "--yes").ok()
    assert sums.plan() == []
    assert len(cluster.ready(sums)) == 2


def image(cluster: World) -> str:
    return str(cluster.plane.get(DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["image"])


def test_a_first_deploy_that_failed_is_repaired_by_the_next(cluster: World) -> None:
    first = cluster.deployed("first", text(cluster, project="first", image="seaway-test:gone", replicas=1))
    ran = first.run("deploy", "--yes")
    assert ran.code == 1
    assert "ErrImage" in ran.err or "ImagePullBackOff" in ran.err
    first.describe(text(cluster, project="first", replicas=1))
    first.run("deploy", "--yes").ok()
    assert first.plan() == []
    first.run("destroy", "--yes").ok()


def test_an_object_of_somebody_else_is_left_alone(cluster: World) -> None:
    place = f"/api/v1/namespaces/{NAMESPACE}/services"
    theirs = {"metadata": {"name": "theirs"}, "spec": {"ports": [{"port": 80}]}}
    assert cluster.plane.ask("POST", place, {"apiVersion": "v1", "kind": "Service", **theirs})[0] == 201
    deployed = cluster.deployed("theirs", text(cluster, project="theirs", replicas=1))
    ran = deployed.run("deploy", "--yes")
    assert ran.code == 1
    assert "Service theirs is there already and belongs to somebody else" in ran.err
    deployed.run("destroy", "--yes").ok()
    assert cluster.plane.get(f"{place}/theirs")["spec"]["ports"][0]["port"] == 80
    assert cluster.objects(NAMESPACE, "theirs") == ["services/theirs"]


def test_the_strictest_namespace_takes_pods_whose_store_is_a_claim(cluster: World) -> None:
    cluster.make_namespace("strict", {"pod-security.kubernetes.io/enforce": "restricted"})
    strict = cluster.deployed("strict", text(cluster, project="strict", replicas=1, namespace="strict"), user="admin")
    ran = strict.run("deploy", "--yes")
    assert ran.code == 1
    assert 'violates PodSecurity "restricted:latest": restricted volume types' in ran.err
    add_claim(cluster, "strict")
    strict.describe(text(cluster, project="strict", replicas=1, namespace="strict", claim="store"))
    strict.run("deploy", "--yes").ok()
    assert strict.plan() == []
    assert cluster.answer(addresses(cluster, strict)[0]) in {1.0, 2.0}
    strict.run("destroy", "--yes").ok()


def add_claim(cluster: World, namespace: str) -> None:
    size = {"storage": "1Gi"}
    shared = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    volume = {**shared, "capacity": size, "hostPath": {"path": str(cluster.store.root)}}
    claim = {**shared, "resources": {"requests": size}, "volumeName": "store"}
    for kind, place, spec in (
        ("PersistentVolume", "/api/v1/persistentvolumes", volume),
        ("PersistentVolumeClaim", f"/api/v1/namespaces/{namespace}/persistentvolumeclaims", claim),
    ):
        manifest = {"apiVersion": "v1", "kind": kind, "metadata": {"name": "store"}, "spec": spec}
        status, document = cluster.plane.ask("POST", place, manifest)
        assert status == 201, document


def test_a_monitor_finds_every_pod_by_the_name_of_a_service(cluster: World) -> None:
    seen = cluster.deployed("seen", text(cluster, project="seen", monitor="true"))
    assert [line.rpartition(" ")[2] for line in seen.plan() if "monitor" in line] == [
        "seen-monitor",
        "seen-monitor-targets",
        "seen-monitor",
        "seen-monitor",
    ]
    ran = seen.run("deploy", "--yes").ok()
    assert "not done" not in ran.out
    assert seen.plan() == []
    eventually(lambda: looked_at(cluster), lambda up: sorted(up.values()) == [1.0, 1.0], "it has looked at both pods")
    pods = addresses(cluster, seen)
    assert [cluster.answer(pod) for pod in pods * 5] == [cluster.answer(pods[0])] * 10
    counted = "sum by (model) (increase(seaway_requests_total[1m]))"
    eventually(lambda: asked(cluster, counted), lambda found: found[0]["metric"] == {"model": "adder"}, "and counts")
    seen.run("scale", "3", "--yes").ok()
    eventually(lambda: looked_at(cluster), lambda up: list(up.values()).count(1.0) == 3, "a third one is found")

    first = monitor_pod(cluster)
    cluster.plane.ask("DELETE", f"/api/v1/namespaces/{NAMESPACE}/pods/{first['metadata']['name']}")
    eventually(lambda: looked_at(cluster), lambda up: list(up.values()) == [1.0] * 3, "a lost monitor is replaced")
    assert monitor_pod(cluster)["metadata"]["uid"] != first["metadata"]["uid"]
    assert [line for line in seen.plan() if "monitor" in line] == []
    seen.run("destroy", "--yes").ok()
    eventually(lambda: cluster.objects(NAMESPACE, "seen"), lambda left: left == [], "nothing is left", 120)


def monitor_pod(cluster: World) -> dict[str, Any]:
    pods = cluster.plane.get(f"/api/v1/namespaces/{NAMESPACE}/pods?labelSelector=seaway.monitor%3Dseen")["items"]
    (found,) = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    return dict(found)


def asked(cluster: World, question: str) -> list[dict[str, Any]]:
    """What the monitor in its pod answers to a question in PromQL."""
    address = monitor_pod(cluster)["status"]["podIP"]
    answer = http(f"http://{address}:8502/api/v1/query?{urlencode({'query': question})}")
    return list(answer.json["data"]["result"])


def looked_at(cluster: World) -> dict[str, float]:
    return {each["metric"]["instance"]: float(each["value"][1]) for each in asked(cluster, "up")}


def test_a_kind_that_the_cluster_does_not_know_is_told_with_what_brings_it(cluster: World) -> None:
    monitor = "{enabled: false, service_monitor: true}"
    described = text(cluster, project="watched", replicas=1, monitor=monitor)
    deployed = cluster.deployed("watched", described)
    ran = deployed.run("deploy", "--yes")
    assert ran.code == 1
    assert "the cluster does not know monitoring.coreos.com/v1; install the Prometheus operator" in ran.err
    deployed.run("destroy", "--yes").ok()


def test_every_manifest_is_taken_strictly(cluster: World) -> None:
    add_definitions(cluster)
    for name, desired in DEPLOYMENTS.items():
        for manifest in manifests(desired, 1):
            version, plural = KINDS[manifest["kind"]]
            status, document = dry_run(cluster, version, f"namespaces/{NAMESPACE}/{plural}", manifest)
            assert status == 201, f"{name}: {document}"


@pytest.mark.parametrize(
    ("file", "version", "place"),
    [
        pytest.param("cluster-serving-runtime", "v1alpha1", "clusterservingruntimes", id="runtime"),
        pytest.param("inference-service", "v1beta1", f"namespaces/{NAMESPACE}/inferenceservices", id="service"),
    ],
)
def test_the_examples_for_kserve_are_taken_strictly(cluster: World, file: str, version: str, place: str) -> None:
    add_definitions(cluster)
    manifest = yaml.safe_load((EXAMPLES / f"{file}.yaml").read_text())
    status, document = dry_run(cluster, f"serving.kserve.io/{version}", place, manifest)
    assert status == 201, document
    broken = {**manifest, "spec": {**manifest["spec"], "no_such_field": 1}}
    assert dry_run(cluster, f"serving.kserve.io/{version}", place, broken)[0] >= 400


def add_definitions(cluster: World) -> None:
    for file in sorted((cluster.plane.programs / "definitions").glob("*.yaml")):
        for definition in filter(None, yaml.safe_load_all(file.read_text())):
            # Nothing here converts between versions of a kind.
            definition["spec"].pop("conversion", None)
            name = definition["metadata"]["name"]
            status, document = cluster.plane.apply(f"{CRDS}/{name}", definition)
            assert status in {200, 201}, document
            eventually(lambda: cluster.plane.get(f"{CRDS}/{name}"), is_established, f"{name} is known")  # noqa: B023


def is_established(definition: Any) -> bool:
    conditions = definition.get("status", {}).get("conditions", [])
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def dry_run(cluster: World, version: str, place: str, manifest: Any) -> tuple[int, Any]:
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    return cluster.plane.apply(f"{root}/{place}/{manifest['metadata']['name']}", manifest, dry_run=True)


def test_a_destroyed_deployment_leaves_nothing(cluster: World, sums: Deployed) -> None:
    sums.run("destroy", "--yes").ok()
    true_soon(lambda: cluster.objects(NAMESPACE, "sums") == [], "nothing is left")
