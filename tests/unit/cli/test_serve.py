"""`seaway serve`: which settings the server is started with, and what stops it before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.cli.main import run
from seaway.errors import Unavailable
from seaway.settings.server import ServerSettings


def test_a_path_and_a_name_serve_one_model(started: list[ServerSettings]) -> None:
    assert run(["serve", "models/half", "--name", "half", "--rest-port", "0", "--no-metrics", "--cors"]) == 0
    assert (started[0].models.model_base_path, started[0].models.model_name) == ("models/half", "half")
    assert (started[0].network.rest_port, started[0].network.cors, started[0].metrics.enabled) == (0, True, False)


def test_a_config_file_is_passed_on(started: list[ServerSettings]) -> None:
    assert run(["serve", "--config", "config.cfg", "--saved-model-tags", "serve,gpu"]) == 0
    assert started[0].models.model_config_file == "config.cfg"
    assert started[0].engine.saved_model_tags == ("serve", "gpu")


def test_variables_and_the_settings_file_are_read(
    started: list[ServerSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[models]\nmodel_base_path = "from-file"\n[network]\ngrpc_port = 1\n')
    monkeypatch.setenv("SEAWAY_GRPC_PORT", "2")
    assert run(["serve", "--settings", str(file)]) == 0
    assert started[0].models.model_base_path == "from-file"
    assert started[0].network.grpc_port == 2


def test_a_misspelled_variable_is_warned_about(
    started: list[ServerSettings], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEAWAY_GRPC_PROT", "2")
    assert run(["serve", "models/half"]) == 0
    assert "SEAWAY_GRPC_PROT is no setting; did you mean SEAWAY_GRPC_PORT?" in capsys.readouterr().err
    assert len(started) == 1


def test_showing_the_settings_starts_nothing(started: list[ServerSettings], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "--show-settings", "--grpc-port", "1"]) == 0
    assert "grpc_port = 1  # flag --grpc-port" in capsys.readouterr().out
    assert started == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(["serve"], "nothing to serve", id="no-model"),
        pytest.param(["serve", "m", "--base-path", "n"], "are both given", id="two-paths"),
        pytest.param(["serve", "m", "--rest-port", "99999"], "cannot be 99999", id="bound"),
        pytest.param(["serve", "m", "--nope"], "--nope", id="unknown-option"),
        pytest.param(["nope"], "nope", id="unknown-verb"),
    ],
)
def test_what_is_asked_wrongly_ends_with_code_2_and_no_traceback(
    started: list[ServerSettings], capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run(arguments) == 2
    shown = capsys.readouterr().err
    assert message in shown
    assert "Traceback" not in shown
    assert started == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(Unavailable("port 8500 is in use"), "seaway: port 8500 is in use\n", id="ours"),
        pytest.param(OSError(98, "Address already in use"), "seaway: [Errno 98] Address already in use\n", id="system"),
        pytest.param(ZeroDivisionError("x"), "internal error: ZeroDivisionError('x')", id="defect"),
    ],
)
def test_a_start_that_fails_ends_with_code_1_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, message: str
) -> None:
    def start(_: ServerSettings, beside: object = None) -> int:
        raise error

    monkeypatch.setattr("seaway.cli.serve.start", start)
    assert run(["serve", "models/half"]) == 1
    shown = capsys.readouterr().err
    assert message in shown
    assert shown.count("\n") == 1


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def start(_: ServerSettings, beside: object = None) -> int:
        raise Unavailable("port 8500 is in use")

    monkeypatch.setattr("seaway.cli.serve.start", start)
    assert run(["--debug", "serve", "models/half"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_exit_code_of_the_server_is_the_exit_code_of_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seaway.cli.serve.start", lambda *_: 1)
    assert run(["serve", "models/half"]) == 1


def test_an_interrupt_from_the_keyboard_ends_with_code_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(_: ServerSettings, beside: object = None) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("seaway.cli.serve.start", start)
    assert run(["serve", "models/half"]) == 130
