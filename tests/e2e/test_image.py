"""The image on a real engine: in TensorFlow Serving's place, without rights, the same for the same content."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from seaway.deploy.image.build import bill_of_materials, build
from tests.models.cache import Models
from tests.support.artifacts import ARTIFACTS
from tests.support.clients import Client
from tests.support.deployed import Deployed
from tests.support.engine import BASE_IMAGE, TRAEFIK_IMAGE, Engine
from tests.support.eventually import eventually
from tests.support.images import add_seaway, as_ordered
from tests.support.ports import free_port
from tests.support.server import http
from tests.support.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    # The client of the engine leaves sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]

OPENVINO, AGAIN = "seaway-test:openvino", "seaway-test:openvino-again"
TENSORFLOW = "seaway-test:tensorflow"
DESCRIPTION = """\
project: image
store: {store}
target: docker
monitor: false
models: {{half: {{}}}}
server:
  image: {image}
  replicas: 1
  ports: PORTS
  ingress: {{image: {traefik}}}
  start_timeout_s: 120
  settings: {{engine: {{engine: tensorflow}}}}
"""
_LOCKED = {"read_only": True, "tmpfs": {"/tmp": ""}, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]}


@pytest.fixture(scope="module")
def store(models: Models, open_directory: Callable[[str], Path]) -> Store:
    """A store with one model that every engine takes."""
    store = Store(open_directory("image-store"), models)
    store.add("half", 1, "half_plus_two")
    return store


@pytest.fixture(scope="module")
def tensorflow(engine: Engine) -> str:
    """The image with TensorFlow."""
    add_seaway(engine, "tensorflow", TENSORFLOW)
    return TENSORFLOW


def predictions(engine: Engine, image: str, model: str, *arguments: str, **options: object) -> list[list[float]]:
    """What a model answers in a container that is started as TensorFlow Serving's is."""
    port = free_port()
    container = engine.client.containers.run(
        image, list(arguments), detach=True, ports={"8501/tcp": ("127.0.0.1", port)}, **_LOCKED, **options
    )
    try:
        url = f"http://127.0.0.1:{port}/v1/models/{model}:predict"
        answer = eventually(
            lambda: http(url, {"instances": [[1.0], [2.0]]}), lambda each: each.status == 200, "it answers"
        )
        found: list[list[float]] = answer.json["predictions"]
        return found
    except AssertionError as err:
        raise AssertionError(f"{err}\n{container.logs().decode()}") from err
    finally:
        container.remove(force=True)


def test_it_stands_in_for_tensorflow_serving(engine: Engine, tensorflow: str, store: Store) -> None:
    volumes = {str(store.base("half")): {"bind": "/models/mine", "mode": "ro"}}
    environment = {"MODEL_NAME": "mine"}
    assert predictions(engine, tensorflow, "mine", volumes=volumes, environment=environment) == [[2.5], [3.0]]
    flags = ("--model_name=yours", "--model_base_path=/models/mine", "--enable_batching")
    assert predictions(engine, tensorflow, "yours", *flags, volumes=volumes) == [[2.5], [3.0]]


def test_it_is_deployed_as_any_other(engine: Engine, tensorflow: str, store: Store) -> None:
    text = DESCRIPTION.format(store=store.root, image=tensorflow, traefik=TRAEFIK_IMAGE)
    deployed = Deployed(ARTIFACTS / "test_image", text, DOCKER_HOST=engine.host)
    try:
        deployed.run("deploy", "--yes", limit_s=300).ok()
        assert [each["state"] for each in deployed.status()["replicas"]] == ["ready"]
        with Client(deployed.grpc_address) as client:
            assert client.arrays("half", x=[[1.0], [2.0]])["y"].tolist() == [[2.5], [3.0]]
    finally:
        deployed.clean_up()


def test_a_model_can_be_baked_into_an_image_without_tensorflow(engine: Engine, store: Store) -> None:
    add_seaway(engine, "openvino", OPENVINO, store.base("half"))
    assert predictions(engine, OPENVINO, "half", environment={"MODEL_NAME": "half"}) == [[2.5], [3.0]]
    packages = {each["name"] for each in json.loads(bill_of_materials(engine.client, OPENVINO))["components"]}
    assert {"seaway", "openvino", "numpy"} <= packages
    assert not any("tensorflow" in name for name in packages)
    size = engine.client.images.get(OPENVINO).attrs["Size"]
    print(f"the image with OpenVINO takes {size / 1e6:.0f} MB")
    assert size < 400e6


def test_the_same_content_has_the_same_digest(engine: Engine, store: Store, tmp_path: Path) -> None:
    digests = set()
    with as_ordered("openvino", store.base("half")) as order:
        for tag in (OPENVINO, AGAIN):
            digests.add(build(engine.client, order, tag, BASE_IMAGE, print).digest)
    assert len(digests) == 1
    assert {engine.client.images.get(tag).id for tag in (OPENVINO, AGAIN)} == digests


def test_an_image_says_what_it_is(engine: Engine, tensorflow: str) -> None:
    settings = engine.client.images.get(tensorflow).attrs["Config"]
    assert settings["User"] == "10001:10001"
    assert set(settings["ExposedPorts"]) == {"8500/tcp", "8501/tcp"}
    assert settings["StopSignal"] == "SIGTERM"
    assert settings["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert settings["Healthcheck"]["Test"][-1] == "seaway.cli.health"
    size = engine.client.images.get(tensorflow).attrs["Size"]
    print(f"the image with TensorFlow takes {size / 1e6:.0f} MB")


def test_nothing_is_compiled_when_something_starts(engine: Engine, tensorflow: str) -> None:
    ask = (
        "import os, sys, asyncio, seaway.cli.main; "
        "found = [each.__spec__ for each in list(sys.modules.values()) if getattr(each, '__spec__', None)]; "
        "print([each.name for each in found if each.cached and not os.path.exists(each.cached)])"
    )
    command = ["/opt/seaway/bin/python", "-I", "-c", ask]
    printed = engine.client.containers.run(tensorflow, entrypoint=command, remove=True, **_LOCKED)
    assert printed.decode().strip() == "[]"
