"""How a worker's end is put into words."""

from __future__ import annotations

import signal

import pytest

from seaway.worker.process import describe_exit


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-signal.SIGKILL, "was killed by SIGKILL"),
        (-signal.SIGSEGV, "was killed by SIGSEGV"),
        (-99, "was killed by signal 99"),
    ],
)
def test_an_exit_status_is_told_in_words(status: int, words: str) -> None:
    assert describe_exit(status) == words
