"""Keys through a terminal of our own."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator
from contextlib import suppress

import pytest

from seaway.monitor.top.keys import SUSPEND, Keys, plain


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The user's end and the program's end."""
    user, program = pty.openpty()
    yield user, program
    for each in (user, program):
        with suppress(OSError):
            os.close(each)


def test_keys_come_one_by_one_without_enter_and_are_not_shown(terminal: tuple[int, int]) -> None:
    user, program = terminal
    with Keys(program) as keys:
        assert keys.is_open
        assert keys.read(0.0) == ""
        os.write(user, b"s")
        assert keys.read(5.0) == "s"
        os.write(user, b"rq\x1a")
        assert keys.read(5.0) == f"rq{SUSPEND}"
        os.set_blocking(user, False)
        with pytest.raises(BlockingIOError):
            os.read(user, 10)


def test_the_terminal_is_put_back_whatever_happens(terminal: tuple[int, int]) -> None:
    _, program = terminal
    before = termios.tcgetattr(program)
    with pytest.raises(ZeroDivisionError), Keys(program):
        assert termios.tcgetattr(program) != before
        raise ZeroDivisionError
    assert termios.tcgetattr(program) == before


def test_a_terminal_that_was_hung_up_has_no_keys_any_more(terminal: tuple[int, int]) -> None:
    user, program = terminal
    with Keys(program) as keys:
        os.close(user)
        assert keys.read(5.0) == ""
        assert not keys.is_open
        assert keys.read(0.01) == ""


def test_what_is_no_terminal_has_no_keys() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"q")
    with Keys(reading) as keys:
        assert not keys.is_open
        assert keys.read(0.01) == ""
    os.close(reading)
    os.close(writing)


def test_arrows_and_bytes_that_are_no_letters_mean_nothing() -> None:
    assert plain(b"\x1b[A") == ""
    assert plain(b"s\x1b[Bq") == "sq"
    assert plain(b"\x1bOP\x1b[1;5Cr\x1bs\x1b") == "r"
    assert plain(b"\xff\xc3r") == "r"
