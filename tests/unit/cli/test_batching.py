"""`seaway batching` against a REST port that is a stand-in."""

from __future__ import annotations

import json

import pytest

from seaway.cli.batching import parameters_line
from seaway.cli.main import run
from tests.support.fake_rest import FakeRest

PARAMETERS = {
    "enabled": True,
    "max_batch_size": 8,
    "batch_timeout_micros": 0,
    "allowed_batch_sizes": [4, 8],
    "pad_variable_length_inputs": False,
    "enable_large_batch_splitting": False,
}
ANSWER = {
    "model": "a b",
    "versions": [
        {"version": "1", "parameters": {**PARAMETERS, "max_batch_size": 2}, "signatures": {}},
        {
            "version": "2",
            "parameters": PARAMETERS,
            "signatures": {
                "serving_default": {"joined": True, "why_not": "", "runs": 4, "mean_rows": 2.5, "mean_requests": 2.0},
                "odd": {"joined": False, "why_not": "it has no inputs", "runs": 0, "mean_rows": 0, "mean_requests": 0},
            },
        },
    ],
}


def test_what_is_in_force_is_shown(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers(ANSWER)
    assert run(["batching", "a b", "--server", rest.address]) == 0
    assert rest.requests == [("GET", "/v1/models/a%20b/batching", None)]
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        ["version", "1:", "on", "max_batch_size=2", "allowed_batch_sizes=[4,8]"],
        ["version", "2:", "on", "max_batch_size=8", "allowed_batch_sizes=[4,8]"],
        ["version", "signature", "joined", "runs", "rows/run", "requests/run", "why", "not"],
        ["2", "serving_default", "yes", "4", "2.5", "2.0"],
        ["2", "odd", "no", "0", "0.0", "0.0", "it", "has", "no", "inputs"],
    ]


def test_a_change_keeps_what_it_does_not_name(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers(ANSWER)
    options = ["--max-batch-size", "16", "--allowed-batch-sizes", "4,16", "--off", "--json"]
    assert run(["batching", "a b", "--server", rest.address, *options]) == 0
    sent = {**PARAMETERS, "max_batch_size": 16, "allowed_batch_sizes": [4, 16], "enabled": False}
    assert rest.requests[1] == ("PUT", "/v1/models/a%20b/batching", sent)
    assert json.loads(capsys.readouterr().out) == ANSWER


def test_sizes_that_are_no_numbers_are_refused(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["batching", "m", "--server", rest.address, "--allowed-batch-sizes", "4;8"]) == 2
    assert "--allowed-batch-sizes is '4;8'" in capsys.readouterr().err
    assert rest.requests == []


def test_a_refusal_is_told_in_the_servers_words(rest: FakeRest, capsys: pytest.CaptureFixture[str]) -> None:
    rest.answers({"error": "start the server with --admin-calls"}, status=403)
    assert run(["batching", "m", "--server", rest.address]) == 1
    assert "403: start the server with --admin-calls" in capsys.readouterr().err


def test_parameters_that_say_nothing_are_left_out() -> None:
    assert parameters_line({"enabled": False, "max_batch_size": 8}) == "off"
    assert parameters_line({"enabled": True, "batch_timeout_micros": 0, "allowed_batch_sizes": []}) == "on"
