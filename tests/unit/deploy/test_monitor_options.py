"""How a monitor is started for a deployment, and that the command takes it."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from seaway.cli.deploy.options import named_variables
from seaway.cli.main import run
from seaway.deploy.desired import MonitorSpec, Promise, SecretRef
from seaway.deploy.monitor_options import monitor_options, objective_options
from seaway.deploy.targets.containers import monitor_command

SPEC = MonitorSpec(
    address="127.0.0.1",
    port=8502,
    history_bytes=64 * 2**20,
    promises=(Promise("org/mnist:2", 0.01, 50.0, 2**30), Promise("half", 0.5)),
    secrets=(
        SecretRef("monitor-notify-team", "a"),
        SecretRef("monitor-password", "b"),
        SecretRef("monitor-rules", "c"),
        SecretRef("token-1", "d"),
    ),
)


def test_each_secret_is_a_file_that_an_option_names() -> None:
    assert monitor_options(SPEC, "127.0.0.1:8502", "/records", "/secrets") == [
        *("--listen", "127.0.0.1:8502", "--directory", "/records", "--interval", "5", "--max-mib", "64"),
        *("--notify", "team=/secrets/monitor-notify-team"),
        *("--password-file", "/secrets/monitor-password"),
        *("--rules", "/secrets/monitor-rules"),
    ], "the tokens of servers are nothing to it"


def test_what_models_promise_is_told_where_there_is_no_description() -> None:
    assert objective_options(SPEC.promises) == [
        *("--objective", "org/mnist:2:error_rate=0.01,p99_ms=50.0,memory=1073741824"),
        *("--objective", "half:error_rate=0.5"),
    ]


def test_the_command_of_a_container_is_one_that_seaway_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python, *words = monitor_command(SPEC, ("--state", str(tmp_path), "--dns", "no-port"))
    assert (python, words[:3]) == ("/opt/seaway/bin/python", ["-m", "seaway", "monitor"])
    # It gets as far as the first thing that is not there in a test.
    assert run(words[2:]) == 2
    assert "--dns 'no-port': expected NAME:PORT" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("store: ${STORE}/models", ["STORE"], id="in-a-text"),
        pytest.param("store: ${STORE:-models}", ["STORE"], id="with-a-default"),
        pytest.param("tokens: [{env: TOKEN}]", ["TOKEN"], id="as-the-place-of-a-secret"),
        pytest.param('password: {env: "TOKEN"}', ["TOKEN"], id="in-quotes"),
        pytest.param("env: {A: TOKEN}\nx: STORE", [], id="a-word-that-is-no-name"),
    ],
)
def test_only_variables_that_the_description_names_are_handed_on(text: str, named: list[str]) -> None:
    assert list(named_variables(text, {"STORE": "s", "TOKEN": "t", "HOME": "h"})) == named


def test_another_setting_is_another_monitor() -> None:
    assert structs.replace(SPEC, port=9000).digest != SPEC.digest
    assert SPEC.place == "127.0.0.1:8502"
    assert structs.replace(SPEC, address="::1").place == "[::1]:8502"
