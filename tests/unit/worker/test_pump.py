"""The one thread that hears workers."""

from __future__ import annotations

import logging
import os
import threading

import pytest

from seaway.worker.pump import Pump

LIMIT_S = 10.0


def test_what_is_written_is_handed_on_until_the_end() -> None:
    pump, got, ended = Pump(), [], threading.Event()
    reading, writing = os.pipe()

    def readable() -> None:
        data = os.read(reading, 100)
        got.append(data)
        if not data:
            pump.forget(reading)
            ended.set()

    pump.watch(reading, readable)
    os.write(writing, b"word")
    os.close(writing)
    assert ended.wait(LIMIT_S)
    pump.close()
    os.close(reading)
    assert b"".join(got) == b"word"


def test_closing_hands_on_the_last_words_first() -> None:
    pump, got = Pump(), []
    pipes = [os.pipe() for _ in range(10)]
    for reading, writing in pipes:
        os.write(writing, b"x")
        pump.watch(reading, lambda fd=reading: got.append(os.read(fd, 1)))  # type: ignore[misc]
    pump.close()
    assert got == [b"x"] * 10
    for fd in (fd for pipe in pipes for fd in pipe):
        os.close(fd)


def test_a_handler_that_fails_is_reported_once_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    pump, heard = Pump(), threading.Event()
    bad, good = os.pipe(), os.pipe()

    def fail() -> None:
        raise ValueError("broken handler")

    pump.watch(bad[0], fail)
    os.write(bad[1], b"x")
    pump.watch(good[0], lambda: (os.read(good[0], 1), heard.set()))
    os.write(good[1], b"x")
    assert heard.wait(LIMIT_S)
    pump.close()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    for fd in (*bad, *good):
        os.close(fd)
