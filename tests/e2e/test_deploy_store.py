"""A deployment whose model store is a bucket: replicas read it themselves, and nothing is mounted or copied by hand."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.models.cache import Models
from tests.support.artifacts import ARTIFACTS, FAILED
from tests.support.clients import Client, Load
from tests.support.deployed import Deployed
from tests.support.object_store import BUCKET, CREDENTIALS, ObjectStore

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DESCRIPTION = """\
project: bucket
monitor: false
store: s3://bucket/models
models:
  adder: {versions: latest}
server:
  replicas: 2
  ports: PORTS
  start_timeout_s: 60
  settings:
    trials: {enabled: false}
    engine: {engine: tensorflow}
    model_store: {poll_wait_seconds: 0.2, cache_directory: CACHE}
rollout:
  shadow: 0
  canary: [0.5]
  stage_s: 1
  bake_s: 1
  min_samples: 20
  patience_s: 60
  tolerance: 100
"""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[ObjectStore, Any]]:
    """A running store with an empty bucket, and a client of it; the deployer has its address and credentials."""
    with ObjectStore() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.reset()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield server, client
        client.close()


@pytest.fixture
def deployed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deployed]:
    """The deployment, described and not yet up; it is destroyed afterwards."""
    directory = ARTIFACTS / re.sub(r"[^\w.-]+", "_", request.node.name)
    shutil.rmtree(directory, ignore_errors=True)
    deployed = Deployed(directory, DESCRIPTION.replace("CACHE", str(tmp_path / "cache")))
    yield deployed
    deployed.clean_up()
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(directory, ignore_errors=True)


def answer(client: Client) -> float:
    """What adder says to 0: the version that answered."""
    return float(client.arrays("adder", x=[0.0])["y"][0])


def test_replicas_serve_from_a_bucket_and_a_rollout_takes_the_next_version_from_there(
    deployed: Deployed, bucket: tuple[ObjectStore, Any], models: Models
) -> None:
    server, client = bucket
    server.put(client, models.version("adder", "1"), "models/adder/1")
    deployed.run("deploy", "--yes").ok()
    with Client(deployed.grpc_address) as calls:
        assert answer(calls) == 1.0
        server.put(client, models.version("adder", "2"), "models/adder/2")
        with Load(lambda: answer(calls), threads=2) as load:
            deployed.run("rollout", "adder", "2", "--yes").ok()
        assert answer(calls) == 2.0
    assert load.failures == []
    shards = server.gets("variables.data-00000-of-00001")
    assert sorted(shards) == sorted(set(shards)), "both replicas have one copy of each version"
    assert len(shards) == 2
    said = "".join(file.read_text(errors="replace") for file in deployed.directory.rglob("*") if _is_text(file))
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in said


def _is_text(file: Path) -> bool:
    return file.is_file() and file.suffix in {".log", ".json", ".yaml", ".jsonl", ".txt"}
