"""Log lines in both forms, and a disk that is full."""

from __future__ import annotations

import errno
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.settings.logging import DroppingHandler, set_up
from seaway.settings.operation import Logging

LOG = logging.getLogger("seaway.test")


class FullDisk(io.StringIO):
    """A stream whose every write fails as on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def root_logger_restored() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if isinstance(handler, DroppingHandler)]:
        root.removeHandler(handler)
        if handler.stream and isinstance(handler.stream, io.TextIOWrapper):
            handler.stream.close()


def test_text_lines_start_with_time_level_and_origin() -> None:
    stderr = io.StringIO()
    set_up(Logging(), stderr)
    LOG.info("model %s is there", "m")
    line = stderr.getvalue()
    assert line.endswith("Z INFO seaway.test: model m is there\n")
    assert line[4] == line[7] == "-"


def test_json_lines_carry_the_extra_fields_and_the_exception() -> None:
    stderr = io.StringIO()
    set_up(Logging(format="json"), stderr)
    try:
        raise ValueError("broken")
    except ValueError:
        LOG.exception("failed", extra={"model": "m", "version": 3})
    fields = json.loads(stderr.getvalue())
    assert (fields["level"], fields["logger"], fields["message"]) == ("ERROR", "seaway.test", "failed")
    assert (fields["model"], fields["version"]) == ("m", 3)
    assert "ValueError: broken" in fields["exception"]


def test_messages_below_the_level_are_not_written() -> None:
    stderr = io.StringIO()
    set_up(Logging(level="warning"), stderr)
    LOG.info("quiet")
    LOG.warning("loud")
    assert "quiet" not in stderr.getvalue()
    assert "loud" in stderr.getvalue()


def test_setting_up_again_does_not_write_every_line_twice() -> None:
    first, second = io.StringIO(), io.StringIO()
    set_up(Logging(), first)
    set_up(Logging(), second)
    LOG.info("once")
    assert first.getvalue() == ""
    assert second.getvalue().count("once") == 1


def test_a_full_disk_drops_lines_counts_them_and_says_so_once() -> None:
    report = io.StringIO()
    handler = DroppingHandler(FullDisk(), report)
    for _ in range(3):
        handler.handle(logging.LogRecord("seaway", logging.INFO, "", 0, "line", (), None))
    assert handler.dropped == 3
    assert report.getvalue().count("could not be written") == 1
    assert "No space left on device" in report.getvalue()


def test_a_standard_error_stream_that_fails_too_does_not_raise() -> None:
    handler = DroppingHandler(FullDisk(), FullDisk())
    handler.handle(logging.LogRecord("seaway", logging.INFO, "", 0, "line", (), None))
    assert handler.dropped == 1


def test_a_log_file_is_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    file.write_text("before\n")
    set_up(Logging(file=str(file)), io.StringIO())
    LOG.info("after")
    assert file.read_text().startswith("before\n")
    assert "after" in file.read_text()


def test_a_log_file_that_cannot_be_opened_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"logging\.file .*absent"):
        set_up(Logging(file=str(tmp_path / "absent" / "log.txt")), io.StringIO())
