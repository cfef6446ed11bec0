"""Settings of the servers as variables."""

from __future__ import annotations

from typing import Any

import pytest

from seaway.deploy.description.schema import Server
from seaway.deploy.server_environment import server_environment
from seaway.errors import InvalidArgument


def test_settings_become_variables() -> None:
    settings = {
        "engine": {"engine": "onnx", "saved_model_tags": ["serve", "gpu"]},
        "trials": {"enabled": False},
        "models": {"isolation": "shared"},
    }
    found = server_environment(Server(settings=settings, env={"TF_NUM_INTRAOP_THREADS": "2"}, drain_timeout_s=7))
    assert found == {
        "SEAWAY_ENGINE": "onnx",
        "SEAWAY_SAVED_MODEL_TAGS": "serve,gpu",
        "SEAWAY_ENGINE_TRIALS": "false",
        "SEAWAY_ISOLATION": "shared",
        "TF_NUM_INTRAOP_THREADS": "2",
        "SEAWAY_DRAIN_TIMEOUT_S": "7",
        "SEAWAY_LAME_DUCK_S": "3",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"engine": {"speed": 1}}, r"server.settings.engine.speed is no setting", id="unknown"),
        pytest.param(
            {"engine": "onnx"}, r"server.settings.engine cannot be 'onnx'; write settings by group", id="flat"
        ),
        pytest.param({"engine": {"engine": "fast"}}, r"cannot be 'fast'; use one of", id="no-such-choice"),
        pytest.param({"network": {"grpc_port": 1}}, r"the deployment sets it itself", id="our-own"),
        pytest.param({"models": {"model_base_path": "/m"}}, r"models are described under `models`", id="models"),
        pytest.param({"tls": {"key_file": "k"}}, r"encryption is described under `server.tls`", id="tls"),
    ],
)
def test_what_cannot_be_set_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        server_environment(Server(settings=settings))
