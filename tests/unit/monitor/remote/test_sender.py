"""A line and its sender: in order, nothing lost within the bound, and one line in the log for each trouble."""

from __future__ import annotations

import logging
import random
import threading

import pytest

from seaway.monitor.remote.line import Batch, Line
from seaway.monitor.remote.receiver import Answer
from seaway.monitor.remote.sender import Sender
from tests.support.fakes import FakeClock

AWAY, REFUSED, FINE = Answer(503, "503 Service Unavailable"), Answer(400, "400 out of order"), Answer(204)


class Receiver:
    """Answers as a test says, the last answer for ever, and remembers what it was sent."""

    name = "http://r/write"

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.got: list[bytes] = []

    def send(self, content: bytes) -> Answer:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        self.got.append(content)
        return answer


def sender(receiver: Receiver, most_bytes: int = 1000) -> Sender:
    return Sender(receiver, FakeClock(), random.Random(0), Line(most_bytes))


def put(to: Sender, *contents: str, samples: int = 10) -> None:
    for content in contents:
        to.put(Batch(content.encode(), samples))


def counts(of: Sender) -> tuple[int, int, int, int]:
    return of.counts.sent, of.counts.failed, of.counts.dropped, of.line.pending


def test_a_batch_is_tried_again_until_it_is_taken_and_the_next_wait(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(AWAY, AWAY, AWAY, FINE)
    one = sender(receiver)
    put(one, "a", "b")
    with caplog.at_level(logging.INFO):
        pauses = [one.step() for _ in range(5)]
    assert receiver.got == [b"a", b"a", b"a", b"a", b"b"]
    assert 0 < pauses[0] < pauses[1] < pauses[2]
    assert pauses[3:] == [0.0, 0.0]
    assert counts(one) == (20, 30, 0, 0)
    assert [record.message.split(": ")[0] for record in caplog.records] == [
        "remote write to http://r/write",
        "remote write to http://r/write works again",
    ]


def test_what_a_receiver_asks_for_is_waited() -> None:
    one = sender(Receiver(Answer(429, "slow down", "12")))
    put(one, "a")
    assert one.step() == 12.0


def test_a_batch_that_is_refused_is_dropped_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    receiver = Receiver(REFUSED, REFUSED, FINE)
    one = sender(receiver)
    put(one, "a", "b", "c")
    assert [one.step() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert receiver.got == [b"a", b"b", b"c"]
    assert counts(one) == (10, 0, 20, 0)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "400 out of order" in caplog.text


def test_the_oldest_go_when_there_are_too_many_but_not_the_one_that_is_being_sent() -> None:
    receiver = Receiver(AWAY, FINE)
    one = sender(receiver, most_bytes=3)
    put(one, "a")
    one.step()
    put(one, "b", "c", "d", "e")
    assert counts(one) == (0, 10, 20, 30)
    for _ in range(3):
        one.step()
    assert receiver.got == [b"a", b"a", b"d", b"e"]
    assert counts(one) == (30, 10, 20, 0)


def test_a_batch_larger_than_the_bound_is_dropped_and_stops_nothing() -> None:
    one = sender(Receiver(FINE), most_bytes=3)
    put(one, "abcd", "e")
    one.step()
    assert counts(one) == (10, 0, 10, 0)


def test_what_waits_at_the_end_is_sent_when_it_is_taken_at_once() -> None:
    receiver, stopping = Receiver(FINE), threading.Event()
    one = sender(receiver)
    put(one, "a", "b", "c")
    stopping.set()
    one.run(stopping)
    assert receiver.got == [b"a", b"b", b"c"]


def test_a_receiver_that_is_away_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    receiver, stopping = Receiver(AWAY), threading.Event()
    one = sender(receiver)
    put(one, "a", "b")
    stopping.set()
    one.run(stopping)
    assert receiver.got == [b"a"]
    assert "20 samples were not sent" in caplog.text


def test_what_a_receiver_says_is_shown_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    one = sender(Receiver(Answer(400, "bad\n2026 INFO all is well\x1b[2J")))
    put(one, "a")
    one.step()
    assert "\n" not in caplog.records[0].getMessage()
    assert "\x1b" not in caplog.text
