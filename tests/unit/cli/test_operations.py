"""`seaway operations` against a REST port that is a stand-in."""

from __future__ import annotations

import json

import pytest

from seaway.cli.main import run
from tests.support.fake_rest import FakeRest

ID = "000102030405060708090a0b0c0d0e0f"
FAILED = {
    "id": ID,
    "state": "failed",
    "model": "cnn",
    "created_at": "2026-01-01T00:00:00.000Z",
    "ended_at": "2026-01-01T00:00:01.000Z",
    "attempts": 3,
    "error": {"code": "UNAVAILABLE", "message": "gave up"},
    "webhook": {"url": "https://x.org", "state": "pending", "attempts": 0},
}


def test_the_table_shows_each_operation_and_why_it_failed(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers({"operations": [FAILED]})
    assert run(["operations", "list", "--server", rest.address, "--state", "failed"]) == 0
    assert rest.requests == [("GET", "/v1/operations?state=failed&page_size=1000&page_token=0", None)]
    row = capsys.readouterr().out.splitlines()[1].split()
    ended = ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:01.000Z"]
    assert row == [ID, "failed", "cnn", *ended, "3", "pending", "UNAVAILABLE:", "gave", "up"]


def test_json_is_one_operation_a_line(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers({"operations": [FAILED, FAILED]})
    assert run(["operations", "list", "--server", rest.address, "--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [FAILED, FAILED]


def test_one_operation_is_printed(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers(FAILED)
    assert run(["operations", "get", ID, "--server", rest.address]) == 0
    assert rest.requests == [("GET", f"/v1/operations/{ID}", None)]
    assert json.loads(capsys.readouterr().out) == FAILED


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        pytest.param(200, {**FAILED, "state": "cancelled"}, "cancelled", id="before-its-end"),
        pytest.param(204, b"", "removed", id="after-its-end"),
    ],
)
def test_cancelling_says_what_became_of_it(
    status: int, body: object, said: str, rest: FakeRest, capsys: pytest.CaptureFixture[str]
) -> None:
    rest.answers(body, status)
    assert run(["operations", "cancel", ID, "--server", rest.address]) == 0
    assert rest.requests == [("DELETE", f"/v1/operations/{ID}", None)]
    assert capsys.readouterr().out.strip() == said
