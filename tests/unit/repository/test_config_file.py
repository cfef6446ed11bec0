"""The model config file, read again and again."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from seaway import errors
from seaway.repository.config_file import ConfigFilePoller
from seaway.settings.model_config import ModelList, read_model_config_file
from tests.support.fakes import FakeClock

ONE = 'model_config_list { config { name: "a" base_path: "/m/a" model_platform: "tensorflow" } }'
TWO = ONE[:-1] + 'config { name: "b" base_path: "/m/b" model_platform: "tensorflow" } }'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "models.cfg"
    path.write_text(ONE)
    return path


def test_only_changed_content_is_applied(file: Path) -> None:
    applied: list[ModelList] = []
    poller = ConfigFilePoller(file, read_model_config_file(file), applied.append)

    poller.look()
    file.write_text("# a comment\n" + ONE)
    poller.look()
    assert applied == []
    file.write_text(TWO)
    poller.look()
    poller.look()

    assert [[model.name for model in each.models] for each in applied] == [["a", "b"]]


def test_broken_file_applies_nothing_and_is_reported_once(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    applied: list[ModelList] = []
    poller = ConfigFilePoller(file, read_model_config_file(file), applied.append)
    file.write_text("model_config_list {\n  oops\n}")

    with caplog.at_level(logging.ERROR):
        poller.look()
        poller.look()
    file.write_text(TWO)
    poller.look()

    assert caplog.text.count("Error parsing text-format tensorflow.serving.ModelServerConfig") == 1
    assert f"{file}:2:3" in caplog.text
    assert len(applied) == 1


def test_file_that_is_gone_applies_nothing(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    applied: list[ModelList] = []
    poller = ConfigFilePoller(file, read_model_config_file(file), applied.append)
    file.unlink()

    poller.look()

    assert applied == []
    assert "does not exist" in caplog.text


def test_failure_of_a_reload_is_logged(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    poller = ConfigFilePoller(file, ModelList(), lambda _: errors.DataLoss("version 1 of 'a': corrupt"))

    poller.look()

    assert "version 1 of 'a': corrupt" in caplog.text


def test_polling_goes_on_until_it_is_told_to_stop(file: Path) -> None:
    clock, stop = FakeClock(), threading.Event()
    applied: list[ModelList] = []
    poller = ConfigFilePoller(file, read_model_config_file(file), applied.append)

    def play() -> None:
        if clock.now() == 1020.0:
            file.write_text(TWO)
        if clock.now() >= 1050.0:
            stop.set()

    clock.on_wait = play
    poller.run(10.0, stop, clock)

    assert len(applied) == 1
    assert clock.now() == 1050.0
