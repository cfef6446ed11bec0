"""`seaway models` against a REST port that is a stand-in."""

from __future__ import annotations

import json

import pytest

from seaway.cli.main import run
from seaway.cli.models import size
from tests.support.fake_rest import FakeRest

LISTING = {
    "models": [
        {
            "name": "cnn",
            "labels": {"stable": 1, "canary": 2},
            "versions": [
                {
                    "version": 1,
                    "state": "AVAILABLE",
                    "error_code": 0,
                    "error_message": "",
                    "engine": "tensorflow",
                    "worker_pid": 77,
                    "memory_bytes": 314572800,
                    "private_bytes": 1258291,
                },
                {
                    "version": 2,
                    "state": "END",
                    "error_code": 9,
                    "error_message": "no variables",
                    "engine": "",
                    "worker_pid": None,
                    "memory_bytes": None,
                    "private_bytes": None,
                },
            ],
        },
        {"name": "empty", "labels": {}, "versions": []},
    ]
}


def _rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_table_shows_each_version_with_its_state_memory_and_why_not(
    rest: FakeRest, capsys: pytest.CaptureFixture[str]
) -> None:
    rest.answers(LISTING)
    assert run(["models", "--server", rest.address]) == 0
    assert rest.requests == [("GET", "/v1/models", None)]
    assert _rows(capsys.readouterr().out) == [
        ["model", "version", "labels", "state", "engine", "memory", "private", "worker", "why", "not"],
        ["cnn", "1", "stable", "AVAILABLE", "tensorflow", "300.0", "MiB", "1.2", "MiB", "77"],
        ["cnn", "2", "canary", "END", "FAILED_PRECONDITION:", "no", "variables"],
        ["empty", "no", "version"],
    ]


def test_json_is_the_servers_own(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers(LISTING)
    assert run(["models", "--server", f"http://{rest.address}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == LISTING


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        pytest.param({"error": "not ready"}, 503, "answered 503: not ready", id="error"),
        pytest.param(b"<html>", 200, "answered 200 without JSON", id="not-a-model-server"),
    ],
)
def test_an_answer_that_is_an_error_is_shown_and_ends_with_code_1(
    rest: FakeRest, capsys: pytest.CaptureFixture[str], answer: object, status: int, message: str
) -> None:
    rest.answers(answer, status)
    assert run(["models", "--server", rest.address]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("address", ["localhost", "https://localhost:1", "localhost:x", ":1", "localhost:99999"])
def test_an_address_of_another_form_ends_with_code_2(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--server", address]) == 2
    assert f"--server cannot be '{address}'; write host:port" in capsys.readouterr().err


def test_a_server_that_is_not_there_ends_with_code_1(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["models", "--server", "127.0.0.1:1"]) == 1
    assert "no server answers at 127.0.0.1:1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (0, ""), (5, "5 B"), (1024, "1.0 KiB"), (3 * 2**30, "3.0 GiB"), (5 * 2**40, "5.0 TiB")],
)
def test_sizes_are_written_for_people(count: int | None, text: str) -> None:
    assert size(count) == text
