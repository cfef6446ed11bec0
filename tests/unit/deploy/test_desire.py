"""From a description to what should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.deploy.description.read import parse
from seaway.deploy.description.schema import Description
from seaway.deploy.desire import Facts, Source, desire, look, state_path, wanted_replicas
from seaway.deploy.desired import SecretRef
from seaway.errors import NotFound
from seaway.fleet.published import Published, PublishedLog, PublishedModel, Traffic

BASE = Path("/srv")
LEAST = "project: digits\nstore: models\nmodels: {mnist: {}}\n"


def described(text: str = LEAST, target: str = "") -> Description:
    return parse(text, "seaway.yaml", "", {}, target)


def facts(now: Published | None = None, **versions: tuple[int, ...]) -> Facts:
    return Facts(BASE, versions or {"mnist": (6, 7)}, now)


def test_little_is_needed_to_say_what_should_be() -> None:
    wanted = desire(described(), facts())
    assert (wanted.project, wanted.replicas) == ("digits", 1)
    assert (wanted.replica.store, wanted.replica.state) == ("/srv/models", "/srv/models/.seaway/digits")
    assert wanted.published == Published((PublishedModel("mnist", "mnist", (7,), traffic=Traffic(7)),))
    assert (wanted.ingress.grpc_port, wanted.ingress.image) == (8500, "")
    assert wanted.cluster is None


def test_the_live_version_stays_until_a_rollout_moves_it() -> None:
    now = Published((PublishedModel("mnist", "mnist", (6,), traffic=Traffic(6)),))
    (model,) = desire(described(), facts(now)).published.models
    assert (model.versions, model.traffic) == ((6,), Traffic(6))


def test_a_rollout_under_way_is_left_alone() -> None:
    traffic = Traffic(6, 7, canary=0.1)
    now = Published((PublishedModel("mnist", "mnist", (6, 7), traffic=traffic),))
    (model,) = desire(described(LEAST.replace("{}", "{engine: onnx}")), facts(now)).published.models
    assert (model.versions, model.traffic, model.engine) == ((6, 7), traffic, "onnx")


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        pytest.param("", None, id="nothing-said"),
        pytest.param("log: {prefix: x}", None, id="no-request"),
        pytest.param("log: {sampling_rate: 0.5}", PublishedLog(0.5, "mnist"), id="named-after-the-model"),
        pytest.param("log: {sampling_rate: 1, prefix: 's3://b/x'}", PublishedLog(1.0, "s3://b/x"), id="to-a-url"),
    ],
)
def test_the_log_of_a_model_is_published(log: str, expected: PublishedLog | None) -> None:
    (model,) = desire(described(LEAST.replace("{}", f"{{{log}}}")), facts()).published.models
    assert model.log == expected


def test_a_version_with_a_label_is_loaded_too() -> None:
    (model,) = desire(described(LEAST.replace("{}", "{labels: {old: 6}}")), facts()).published.models
    assert (model.versions, model.labels, model.traffic) == ((6, 7), {"old": 6}, Traffic(7))


@pytest.mark.parametrize(("target", "image"), [("docker", "traefik:v3.7"), ("swarm", "traefik:v3.7"), ("process", "")])
def test_traefiks_image_matters_where_there_are_containers(target: str, image: str) -> None:
    text = LEAST + "server: {image: 'seaway:1'}\n"
    assert desire(described(text, target), facts()).ingress.image == image


def test_what_only_a_cluster_reads_changes_nothing_elsewhere() -> None:
    text = LEAST + "server: {image: 'seaway:1'}\nkubernetes: {namespace: models}\nautoscale: {max: 4}\n"
    cluster = desire(described(text, "kubernetes"), facts()).cluster
    assert cluster is not None
    assert (cluster.namespace, cluster.most_replicas) == ("models", 4)
    assert desire(described(text, "docker"), facts()).cluster is None


SOURCE = Source(Path("/srv/seaway.yaml"), "production", "")


def test_every_deployment_has_a_monitor_unless_it_wants_none() -> None:
    monitor = desire(described(), facts()).monitor
    assert monitor is not None
    assert (monitor.place, monitor.image, monitor.history_bytes) == ("127.0.0.1:8502", "", 2 * 2**30)
    assert monitor.state == "/srv/models/.seaway/digits"
    for text in ("monitor: false\n", "monitor: {enabled: false}\n"):
        assert desire(described(LEAST + text), facts()).monitor is None


def test_a_monitor_runs_beside_the_description_or_from_the_image_of_the_servers() -> None:
    text = LEAST + "server: {image: 'seaway:1'}\nautoscale: {max: 4}\n"
    beside = Facts(BASE, {"mnist": (1,)}, source=SOURCE, secrets=(SecretRef("token-1", "a"),))
    monitor = desire(described(text), beside).monitor
    assert monitor is not None
    assert monitor.arguments == ("--deployment", "/srv/seaway.yaml", "--environment", "production", "--autoscale")
    assert monitor.secrets == (SecretRef("token-1", "a"),), "it acts, so another token is another monitor"
    contained = desire(described(text, "docker"), beside).monitor
    assert contained is not None
    assert (contained.image, contained.arguments, contained.secrets) == ("seaway:1", (), ())
    other = desire(described(text + "monitor: {image: 'monitor:1'}\n", "docker"), beside).monitor
    assert other is not None
    assert other.image == "monitor:1"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LEAST.replace("{}", "{objective: {p99_ms: 5}}"), id="a-promise"),
        pytest.param(LEAST + "autoscale: {max: 4}\n", id="what-it-scales-by"),
        pytest.param(LEAST + "monitor: {port: 9502}\n", id="a-setting"),
    ],
)
def test_what_a_monitor_reads_once_makes_another_one(text: str) -> None:
    digests = {found.digest for each in (LEAST, text) if (found := desire(described(each), facts()).monitor)}
    assert len(digests) == 2


def test_without_its_packages_a_monitor_is_wanted_only_where_an_image_has_them() -> None:
    lacking = Facts(BASE, {"mnist": (1,)}, monitor_lacks="nicegui")
    text = LEAST + "server: {image: 'seaway:1'}\n"
    assert desire(described(text), lacking).monitor is None
    assert desire(described(text, "docker"), lacking).monitor is not None


@pytest.mark.parametrize(
    ("scale", "scaled", "replicas"),
    [
        pytest.param("", None, 2, id="as-described"),
        pytest.param("", 5, 5, id="as-scaled"),
        pytest.param("autoscale: {min: 3, max: 4}\n", None, 3, id="within-bounds"),
        pytest.param("autoscale: {min: 1, max: 4}\n", 9, 4, id="never-more-than-the-most"),
    ],
)
def test_the_number_of_replicas(scale: str, scaled: int | None, replicas: int) -> None:
    assert wanted_replicas(described(LEAST + "server: {replicas: 2}\n" + scale), scaled) == replicas


def test_a_changed_secret_makes_other_replicas() -> None:
    digests = {
        desire(described(), Facts(BASE, {"mnist": (1,)}, secrets=(SecretRef("token-1", each),))).replica.digest
        for each in ("a", "b", "a")
    }
    assert len(digests) == 2


def test_the_store_is_looked_into(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is no directory; make it, or name another one as `store`"):
        look(described(), tmp_path)
    for name in ("mnist/1", "mnist/00000012", "mnist/notes", "other/1"):
        (tmp_path / "models" / name).mkdir(parents=True)
    assert look(described(), tmp_path) == {"mnist": (1, 12)}


def test_the_state_may_lie_elsewhere() -> None:
    assert state_path(described(LEAST + "state: ../state\n"), BASE) == Path("/srv/../state")


@pytest.mark.parametrize("store", ["s3://bucket/models", "s3://bucket/models/"])
def test_a_store_that_is_a_url_stays_one_and_the_state_is_beside_the_description(store: str) -> None:
    wanted = desire(described(LEAST.replace("store: models", f"store: {store}")), facts())
    assert (wanted.replica.store, wanted.replica.state) == ("s3://bucket/models", "/srv/.seaway/digits")
