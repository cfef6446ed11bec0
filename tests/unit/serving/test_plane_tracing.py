"""What the plane is told about traces."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, get_args

import pytest

from seaway.errors import InvalidArgument
from seaway.serving.plane_settings import plane_settings
from seaway.serving.plane_tracing import plane_tracing
from seaway.settings.access_log import AccessLog
from seaway.settings.secret import Secret
from seaway.settings.server import ServerSettings
from seaway.settings.tracing import Sampler, Tracing

ON = Tracing(endpoint="http://collector:4318")


def told(tracing: Tracing) -> dict[str, Any]:
    document = plane_tracing(tracing)
    assert document is not None
    return document


def test_without_a_collector_nothing_is_traced() -> None:
    assert plane_tracing(Tracing()) is None


@pytest.mark.parametrize(
    ("endpoint", "protocol", "expected"),
    [
        pytest.param("http://c:4317", "", ("http://c:4317", "grpc"), id="grpc-by-its-port"),
        pytest.param("http://c:4318", "", ("http://c:4318/v1/traces", "http/protobuf"), id="http-by-its-port"),
        pytest.param("https://c", "", ("https://c/v1/traces", "http/protobuf"), id="http-without-a-port"),
        pytest.param("https://c/otel/", "", ("https://c/otel/v1/traces", "http/protobuf"), id="below-a-path"),
        pytest.param("https://c/v1/traces", "", ("https://c/v1/traces", "http/protobuf"), id="whole-already"),
        pytest.param("https://c", "grpc", ("https://c", "grpc"), id="grpc-as-asked"),
        pytest.param(
            "http://c:4317", "http/protobuf", ("http://c:4317/v1/traces", "http/protobuf"), id="http-as-asked"
        ),
    ],
)
def test_the_port_says_how_a_collector_is_spoken_to_unless_it_is_said(
    endpoint: str, protocol: Any, expected: tuple[str, str]
) -> None:
    document = told(Tracing(endpoint=endpoint, protocol=protocol))
    assert (document["endpoint"], document["protocol"]) == expected


def test_an_endpoint_without_a_real_port_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"tracing\.endpoint cannot be 'http://c:many'"):
        plane_tracing(Tracing(endpoint="http://c:many"))


@pytest.mark.parametrize(
    ("sampler", "expected"),
    [
        pytest.param("always_on", (1.0, False), id="all"),
        pytest.param("always_off", (0.0, False), id="none"),
        pytest.param("traceidratio", (0.25, False), id="a-share"),
        pytest.param("parentbased_always_on", (1.0, True), id="all-roots"),
        pytest.param("parentbased_always_off", (0.0, True), id="no-roots"),
        pytest.param("parentbased_traceidratio", (0.25, True), id="a-share-of-roots"),
    ],
)
def test_a_sampler_is_a_ratio_and_whether_parents_decide(sampler: Sampler, expected: tuple[float, bool]) -> None:
    document = told(replace(ON, sampler=sampler, sampling_ratio=0.25))
    assert (document["sampling_ratio"], document["parent_based"]) == expected
    assert len(get_args(Sampler)) == 6


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        pytest.param("", (), "seaway", id="seaway"),
        pytest.param("", ("service.name=shop",), "shop", id="of-the-attributes"),
        pytest.param("till", ("service.name=shop",), "till", id="its-own-setting-first"),
    ],
)
def test_a_service_has_a_name(name: str, attributes: tuple[str, ...], expected: str) -> None:
    document = told(replace(ON, service_name=name, resource_attributes=attributes))
    assert document["resource"]["service.name"] == expected


def test_attributes_and_headers_are_percent_encoded() -> None:
    document = told(
        replace(
            ON,
            resource_attributes=("deployment.environment=a%20b", " team = x=y "),
            headers=Secret("api-key=s%3Dcret, x-scope=1,"),
        )
    )
    assert document["resource"]["deployment.environment"] == "a b"
    assert document["resource"]["team"] == "x=y"
    assert document["headers"] == {"api-key": "s=cret", "x-scope": "1"}


def test_headers_that_are_none_are_refused_without_being_shown() -> None:
    with pytest.raises(InvalidArgument, match=r"tracing\.headers: header 2 is no NAME=VALUE") as refused:
        plane_tracing(replace(ON, headers=Secret("a=1,s3cret")))
    assert "s3cret" not in str(refused.value)


def test_the_plane_takes_what_it_is_told_of_traces_and_the_access_log() -> None:
    from seaway._core import Plane  # noqa: PLC0415 - the compiled module is needed by this test alone

    settings = ServerSettings(access_log=AccessLog(path="-", sampling=0.5), tracing=ON)
    document = json.loads(plane_settings(settings))
    assert document["access_log"] == {"path": "-", "sampling": 0.5}
    Plane(json.dumps(document)).stop()
