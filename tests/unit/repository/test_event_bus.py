"""Delivery of events."""

from __future__ import annotations

import logging

import pytest

from seaway.repository.event_bus import EventBus


def test_every_listener_hears_in_order_until_it_leaves() -> None:
    bus: EventBus[int] = EventBus()
    first: list[int] = []
    second: list[int] = []
    leave = bus.subscribe(first.append)
    bus.subscribe(second.append)

    bus.publish(1)
    leave()
    bus.publish(2)

    assert (first, second) == ([1], [1, 2])


def test_listener_that_fails_is_logged_and_keeps_nobody_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    bus: EventBus[int] = EventBus()
    heard: list[int] = []

    def fail(_: int) -> None:
        raise ValueError("broken listener")

    bus.subscribe(fail)
    bus.subscribe(heard.append)
    with caplog.at_level(logging.ERROR):
        bus.publish(7)

    assert heard == [7]
    assert "a listener failed on 7" in caplog.text
