"""Who may change something."""

from __future__ import annotations

import pytest

from seaway.monitor.page import access
from seaway.monitor.page.access import Access
from seaway.monitor.page.acting import whole_number
from seaway.monitor.page.app import local
from tests.support.fakes import FakeClock


def test_the_password_opens_a_session_that_ends() -> None:
    clock = FakeClock()
    door = Access("påss", clock)
    token = door.log_in("påss")
    assert token is not None
    assert door.allows(token)
    assert door.sentence(token) == ""
    clock.advance(access.SESSION_S + 1)
    assert not door.allows(token)
    assert door.sentence(token) == access.LOG_IN_FIRST


def test_logging_out_ends_a_session() -> None:
    door = Access("p", FakeClock())
    token = door.log_in("p")
    assert token is not None
    door.log_out(token)
    door.log_out("never was")
    assert not door.allows(token)


@pytest.mark.parametrize("guess", ["", "P", "p ", "pp", "\ud800", "x" * 10_000])
def test_a_wrong_password_opens_nothing(guess: str) -> None:
    assert Access("p", FakeClock()).log_in(guess) is None


@pytest.mark.parametrize("guess", ["", "p"])
def test_without_a_password_nobody_gets_in(guess: str) -> None:
    door = Access("", FakeClock())
    assert door.log_in(guess) is None
    assert not door.is_possible
    assert not door.allows("")
    assert "--password-file" in door.sentence("")


def test_guessing_is_slowed_down() -> None:
    clock = FakeClock()
    door = Access("p", clock)
    for _ in range(access.TRIES):
        assert door.log_in("guess") is None
    assert door.log_in("p") is None, "even the right one has to wait"
    clock.advance(access.TRIES_S)
    assert door.log_in("p") is not None


@pytest.mark.parametrize(
    ("path", "then"),
    [
        ("/alerts?range=1h", "/alerts?range=1h"),
        ("", "/"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_logging_in_leads_nowhere_else(path: str, then: str) -> None:
    assert local(path) == then


@pytest.mark.parametrize(
    ("typed", "least", "number"),
    [("7", 0, 7), (" 7 ", 0, 7), ("0", 1, None), ("-1", 0, None), ("", 0, None), ("1e3", 0, None), ("9" * 30, 0, None)],
)
def test_only_whole_numbers_are_acted_on(typed: str, least: int, number: int | None) -> None:
    assert whole_number(typed, least) == number
