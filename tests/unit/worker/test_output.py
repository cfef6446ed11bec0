"""What workers print, as lines of the server's log."""

from __future__ import annotations

import logging

import pytest

from seaway.worker.output import OutputLines, level_of

ERROR_MARK = "E0000 00:00:1.2    1 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error"


@pytest.mark.parametrize(
    ("line", "min_severity", "level"),
    [
        pytest.param("I0000 00:00:17.4    9 port.cc:153] oneDNN", 0, logging.DEBUG, id="info-is-debug"),
        pytest.param("W0000 00:00:17.4    9 x.cc:1] careful", 0, logging.INFO, id="warning-is-info"),
        pytest.param("W0000 00:00:17.4    9 x.cc:1] careful", 2, logging.DEBUG, id="left-out-warning"),
        pytest.param("E0000 00:00:17.4    9 x.cc:1] wrong", 2, logging.WARNING, id="error-is-warning"),
        pytest.param("F0000 00:00:17.4    9 x.cc:1] dead", 2, logging.ERROR, id="fatal-is-error"),
        pytest.param("2026-01-02 03:04:05.678: E tensorflow/x.cc:1] wrong", 2, logging.WARNING, id="older-layout"),
        pytest.param("INFO: Created a delegate", 2, logging.DEBUG, id="word-as-litert-writes-it"),
        pytest.param("WARNING: careful", 0, logging.INFO, id="warning-as-a-word-is-info"),
        pytest.param("ERROR: wrong", 2, logging.WARNING, id="error-as-a-word-is-warning"),
        pytest.param("WARNING: All log messages before absl::InitializeLog() is called", 0, logging.DEBUG, id="absl"),
        pytest.param(ERROR_MARK, 0, logging.DEBUG, id="no-gpu-is-no-error"),
        pytest.param("terminate called after throwing", 2, logging.WARNING, id="anything-else"),
        pytest.param("Error: not a mark", 3, logging.WARNING, id="word-that-looks-like-a-mark"),
    ],
)
def test_a_line_gets_the_level_that_it_deserves(line: str, min_severity: int, level: int) -> None:
    assert level_of(line, min_severity) == level


def test_lines_are_put_together_from_pieces_and_named(caplog: pytest.LogCaptureFixture) -> None:
    lines = OutputLines("m/1", logging.getLogger("test"), 2)
    for piece in (b"first ", b"line\nsecond\n", b"\n", b"un", b"ended \xff", b""):
        lines.feed(piece)
    assert [record.message for record in caplog.records] == ["m/1: first line", "m/1: second", "m/1: unended \ufffd"]


def test_a_line_without_end_is_logged_before_it_fills_the_memory(caplog: pytest.LogCaptureFixture) -> None:
    lines = OutputLines("m/1", logging.getLogger("test"), 2)
    lines.feed(b"x" * 10_000)
    assert len(caplog.records) == 1
