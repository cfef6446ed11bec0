"""The plane's document, from the settings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seaway.errors import InvalidArgument
from seaway.serving.plane_settings import plane_settings
from seaway.settings.network import OFF, Network, Tls
from seaway.settings.operation import Metrics
from seaway.settings.request_log import RequestLog
from seaway.settings.server import ServerSettings


def document(settings: ServerSettings) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(plane_settings(settings))
    return read


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        pytest.param("0.0.0.0", 8500, "0.0.0.0:8500", id="ipv4"),
        pytest.param("::", 8500, "[::]:8500", id="ipv6"),
        pytest.param("0.0.0.0", OFF, None, id="off"),
    ],
)
def test_addresses(host: str, port: int, address: str | None) -> None:
    network = Network(grpc_address=host, grpc_port=port)
    assert document(ServerSettings(network=network))["grpc_address"] == address


def test_admin_calls_are_off_until_they_are_allowed() -> None:
    assert document(ServerSettings())["admin_calls"] is False
    assert document(ServerSettings(network=Network(admin_calls=True)))["admin_calls"] is True


def test_the_request_log_is_told_in_the_planes_units() -> None:
    log = RequestLog(max_file_age_s=0.5, mask=("user_id",))
    told = document(ServerSettings(request_log=log))["request_log"]
    assert (told["max_file_age_ms"], told["mask"], told["saved_model_tags"]) == (500, ["user_id"], ["serve"])


def test_metrics_that_are_off_have_no_path() -> None:
    assert document(ServerSettings())["metrics_path"] == "/monitoring/prometheus/metrics"
    assert document(ServerSettings(metrics=Metrics(enabled=False)))["metrics_path"] is None


def test_certificates_are_read_from_their_files(tmp_path: Path) -> None:
    for name in ("key", "cert"):
        (tmp_path / name).write_text(f"-----BEGIN {name}-----\n")
    tls = Tls(key_file=str(tmp_path / "key"), cert_file=str(tmp_path / "cert"))

    assert document(ServerSettings(tls=tls))["tls"]["key"] == "-----BEGIN key-----\n"

    with pytest.raises(InvalidArgument, match="missing"):
        plane_settings(ServerSettings(tls=replace(tls, key_file=str(tmp_path / "missing"))))


def test_the_plane_takes_every_field() -> None:
    from seaway._core import Plane  # noqa: PLC0415 - the compiled module is needed by this test alone

    Plane(plane_settings(ServerSettings())).stop()
