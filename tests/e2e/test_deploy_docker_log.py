"""A request log of a deployment in containers, whose root file systems cannot be written."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seaway.request_log.reading import read_entries
from tests.models.cache import Models
from tests.support.artifacts import ARTIFACTS
from tests.support.clients import Client
from tests.support.deployed import Deployed
from tests.support.engine import TRAEFIK_IMAGE, Engine
from tests.support.eventually import eventually, true_soon
from tests.support.images import SEAWAY
from tests.support.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1800),
    # The client of the engine leaves sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"),
]

DESCRIPTION = """\
project: logging
store: {store}
target: docker
monitor: false
models:
  two: {{path: half_plus_two{log}}}
server:
  image: {image}
  replicas: 2
  ports: PORTS
  ingress: {{image: {traefik}}}
  start_timeout_s: 90
  settings:
    trials: {{enabled: false}}
    request_log: {{format: jsonl, max_file_age_s: 0.3}}
"""


def test_replicas_log_into_the_state_where_who_deploys_can_read_it(
    engine: Engine, models: Models, open_directory: Callable[[str], Path]
) -> None:
    store = Store(open_directory("docker-log"), models)
    store.add("half_plus_two", 1, "half_plus_two")
    logs = store.root / ".seaway" / "logging" / "request-logs"

    def text(log: str) -> str:
        return DESCRIPTION.format(store=store.root, image=SEAWAY, traefik=TRAEFIK_IMAGE, log=log)

    deployed = Deployed(ARTIFACTS / "test_deploy_docker_log", text(""), DOCKER_HOST=engine.host)
    try:
        deployed.run("deploy", "--yes").ok()
        before = {each.id for each in engine.client.containers.list()}
        deployed.describe(text(", log: {sampling_rate: 1}"))
        deployed.run("deploy", "--yes").ok()
        assert {each.id for each in engine.client.containers.list()} == before, "no replica was replaced"
        with Client(deployed.grpc_address) as client:
            for value in range(40):
                client.arrays("two", x=[[float(value)]])
        eventually(
            lambda: [float(each.inputs["x"].values[0]) for each in read_entries([str(logs / "two-*.jsonl")])],
            lambda found: sorted(found) == list(range(40)),
            "every request is in a file, whichever replica answered",
        )
        true_soon(lambda: not list(logs.glob("*.tfrecord")), "every file is converted")
        for file in logs.glob("two-*"):
            assert (file.stat().st_mode & 0o777, file.stat().st_gid) == (0o640, os.getgid())
    finally:
        deployed.clean_up()
    assert list(logs.glob("two-*.jsonl")), "a log outlives its deployment"
