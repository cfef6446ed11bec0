"""The servers that the table is run against: ours, and TensorFlow Serving itself where a machine has it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.models.cache import Models
from tests.support.artifacts import ARTIFACTS
from tests.support.clients import Client
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.server import Server, config_text, http

REFERENCE_VARIABLE = "SEAWAY_CONFORMANCE_SERVER"
REFERENCE = os.environ.get(REFERENCE_VARIABLE, "")
REFERENCE_NAME = "tensorflow_model_server"

SERVED = (
    *("half_plus_two", "half_plus_two_tf2", "keras_sequential", "matmul", "int32_rows", "outputs", "strings"),
    *("identity", "gather", "defaults", "classifier", "counter"),
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A running server that the table is applied to."""

    name: str
    url: str
    grpc_address: str
    client: Client


def served_config(models: Models) -> str:
    """The configuration that all cases assume."""
    two = f"""base_path: "{models.path("half_plus_two_2_versions")}"
    model_version_policy {{ specific {{ versions: 123 versions: 124 }} }}
    version_labels {{ key: "stable" value: 123 }}
    version_labels {{ key: "canary" value: 124 }}"""
    return config_text({name: models.path(name) for name in SERVED} | {"two_versions": two})


@pytest.fixture(scope="session", params=["seaway", *([REFERENCE_NAME] if REFERENCE else [])])
def subject(request: pytest.FixtureRequest, models: Models) -> Iterator[Subject]:
    """A server with every model of the table loaded; one for the whole session."""
    process = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    directory = ARTIFACTS / f"conformance-{request.param}-{process}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    config = directory / "config.cfg"
    config.write_text(served_config(models))
    failures_before = request.session.testsfailed
    run = ours if request.param == "seaway" else reference
    yield from run(directory, config)
    if request.session.testsfailed == failures_before:
        shutil.rmtree(directory, ignore_errors=True)


def ours(directory: Path, config: Path) -> Iterator[Subject]:
    """`seaway serve` on free ports."""
    server = Server(directory, "serve", "--config", str(config), "--allow-version-labels-for-unavailable-models")
    try:
        server.wait_ready()
        with Client(server.grpc_address) as client:
            yield Subject("seaway", server.url, server.grpc_address, client)
    finally:
        server.clean_up()


def reference(directory: Path, config: Path) -> Iterator[Subject]:
    """The program that the variable names, with TensorFlow Serving's flags."""
    port, rest_port = free_port(), free_port()
    command = [
        *(REFERENCE, f"--port={port}", f"--rest_api_port={rest_port}", f"--model_config_file={config}"),
        "--allow_version_labels_for_unavailable_models=true",
    ]
    with (directory / "server.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            url = f"http://127.0.0.1:{rest_port}"
            eventually(lambda: http(f"{url}/v1/models/two_versions").status, lambda status: status == 200, "it serves")
            address = f"127.0.0.1:{port}"
            with Client(address) as client:
                yield Subject(REFERENCE_NAME, url, address, client)
        finally:
            process.terminate()
