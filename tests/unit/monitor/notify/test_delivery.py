"""Deliveries in virtual time, and with real threads where threads are the point."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from seaway import errors
from seaway.clock import SystemClock
from seaway.monitor.notify.channels import WebhookChannel
from seaway.monitor.notify.dead_letters import DeadLetters
from seaway.monitor.notify.decision import RetryPolicy
from seaway.monitor.notify.delivery import RECORDS_KEPT, Deliveries
from seaway.settings.secret import Secret
from tests.support.eventually import true_soon
from tests.support.fakes import FakeClock
from tests.support.notification_samples import ScriptedChannel, http_server, notice, unavailable

POLICY = RetryPolicy(max_tries=4, first_s=2.0, longest_s=10.0)


class AtMost(random.Random):
    """Jitter that always takes the longest pause."""

    def random(self) -> float:
        return 1.0


def deliveries(tmp_path: Path, clock: FakeClock, *channels: ScriptedChannel, queue_limit: int = 100) -> Deliveries:
    letters = DeadLetters(tmp_path / "dead.jsonl")
    return Deliveries(channels, letters, clock, AtMost(), policy=POLICY, queue_limit=queue_limit)


@contextmanager
def running(tmp_path: Path, *channels: ScriptedChannel) -> Iterator[Deliveries]:
    policy = RetryPolicy(max_tries=4, first_s=0.001, longest_s=0.002)
    letters = DeadLetters(tmp_path / "dead.jsonl")
    made = Deliveries(channels, letters, SystemClock(), random.Random(1), policy=policy)
    made.start()
    try:
        yield made
    finally:
        for channel in channels:
            channel.may_go_on.set()
        made.stop()


def drain(made: Deliveries, name: str = "chat") -> None:
    while made.turn(name):
        pass


def test_a_message_that_fails_twice_arrives_after_pauses_that_double(tmp_path: Path) -> None:
    clock = FakeClock()
    chat = ScriptedChannel("chat", *unavailable(2))
    made = deliveries(tmp_path, clock, chat)
    (id_,) = made.send("t", "b", [notice()])
    drain(made)
    assert chat.sent == ["t"]
    assert clock.now() == 1000.0 + 2.0 + 4.0
    assert [(each.outcome, each.tries, each.error, each.at) for each in made.records()] == [
        ("sent", 3, "", 1_000_006.0),
        ("failed", 2, "failure 2", 1_000_002.0),
        ("failed", 1, "failure 1", 1_000_000.0),
    ]
    assert {each.delivery for each in made.records()} == {id_}
    assert made.dead_letters() == ()
    assert made.queued() == {"chat": 0}


def test_a_real_server_that_fails_twice_gets_the_message(tmp_path: Path) -> None:
    clock = FakeClock()
    with http_server(500, 503) as seen:
        hook = WebhookChannel("hook", Secret(f"http://127.0.0.1:{seen.port}/s3cr3t"))
        made = Deliveries([hook], DeadLetters(tmp_path / "dead.jsonl"), clock, AtMost(), policy=POLICY)
        made.send("t", "b", [notice()])
        drain(made, "hook")
    assert [each.outcome for each in made.records()] == ["sent", "failed", "failed"]
    assert len(seen.bodies) == 3
    assert clock.now() == 1006.0
    assert "s3cr3t" not in str(made.records())


def test_a_message_that_always_fails_is_buried_and_can_be_retried_after_a_restart(tmp_path: Path) -> None:
    made = deliveries(tmp_path, FakeClock(), ScriptedChannel("chat", *unavailable(4)))
    (id_,) = made.send("t", "b", [notice()])
    drain(made)
    assert made.records()[0].outcome == "dead"

    chat = ScriptedChannel("chat")
    again = deliveries(tmp_path, FakeClock(), chat)
    (letter,) = again.dead_letters()
    assert (letter.delivery.id, letter.reason) == (id_, "tried 4 times, at last: failure 4")
    assert again.retry(["another"]) == 0
    assert again.retry([id_]) == 1
    assert again.dead_letters() == ()
    drain(again)
    assert chat.sent == ["t"]
    assert again.records()[0].tries == 1


def test_what_will_never_be_accepted_is_tried_once(tmp_path: Path) -> None:
    chat = ScriptedChannel("chat", errors.Unauthenticated("401"))
    made = deliveries(tmp_path, FakeClock(), chat)
    made.send("t", "b", [notice()])
    drain(made)
    assert chat.tried == ["t"]
    assert "would not help" in made.dead_letters()[0].reason


def test_messages_of_a_group_stay_in_order_and_other_groups_do_not_wait(tmp_path: Path) -> None:
    chat = ScriptedChannel("chat", *unavailable(1))
    made = deliveries(tmp_path, FakeClock(), chat)
    made.send("firing a", "b", [notice(group="a")])
    made.send("resolved a", "b", [notice(group="a")])
    made.send("firing b", "b", [notice(group="b")])
    drain(made)
    assert chat.sent == ["firing b", "firing a", "resolved a"]


def test_a_full_queue_buries_the_oldest(tmp_path: Path) -> None:
    chat = ScriptedChannel("chat")
    made = deliveries(tmp_path, FakeClock(), chat, queue_limit=2)
    for number in range(4):
        made.send(str(number), "b", [notice()])
    assert made.queued() == {"chat": 2}
    assert [each.delivery.title for each in made.dead_letters()] == ["0", "1"]
    assert made.dead_letters()[0].reason == "2 newer messages were waiting"
    drain(made)
    assert chat.sent == ["2", "3"]


def test_a_retry_takes_as_many_as_fit_and_leaves_those_without_a_channel(tmp_path: Path) -> None:
    chat = ScriptedChannel("chat")
    made = deliveries(tmp_path, FakeClock(), chat, queue_limit=2)
    made.send("lost", "b", [notice()], ["misspelt"])
    for number in range(5):
        made.send(str(number), "b", [notice()])
    drain(made)
    assert made.retry() == 2
    drain(made)
    assert chat.sent == ["3", "4", "0", "1"]
    assert [each.delivery.title for each in made.dead_letters()] == ["lost", "2"]
    assert made.dead_letters()[0].reason == "there is no channel 'misspelt'"
    assert made.clear([made.dead_letters()[1].delivery.id]) == 1
    assert made.clear() == 1
    assert DeadLetters(tmp_path / "dead.jsonl").all() == ()


def test_a_message_goes_once_to_each_channel_that_is_named(tmp_path: Path) -> None:
    chat, mail = ScriptedChannel("chat"), ScriptedChannel("mail")
    made = deliveries(tmp_path, FakeClock(), chat, mail)
    assert len(made.send("both", "b", [notice()])) == 2
    assert len(made.send("mail", "b", [notice()], ["mail", "mail"])) == 1
    drain(made, "chat")
    drain(made, "mail")
    assert (chat.sent, mail.sent) == (["both"], ["both", "mail"])


def test_records_have_a_bound_and_no_lines(tmp_path: Path) -> None:
    chat = ScriptedChannel("chat", *[ValueError("a\nb" + "x" * 10_000)] * 300)
    made = deliveries(tmp_path, FakeClock(), chat)
    for _ in range(100):
        made.send("t", "b", [notice()])
    drain(made)
    assert len(made.records()) == RECORDS_KEPT
    assert made.records()[-1].error.startswith("ValueError: a\\nbxxx") or made.records()[-1].outcome == "sent"
    assert all(len(each.error) <= 500 for each in made.records())


def test_a_test_message_is_sent_at_once_and_its_failure_is_told(tmp_path: Path) -> None:
    chat = ScriptedChannel("chat", *unavailable(1))
    made = deliveries(tmp_path, FakeClock(), chat)
    with pytest.raises(errors.Unavailable, match="failure 1"):
        made.test("chat", "t", "b", [notice(state="test")])
    made.test("chat", "t", "b", [notice(state="test")])
    assert [each.outcome for each in made.records()] == ["sent", "failed"]
    with pytest.raises(errors.NotFound, match="there are chat"):
        made.test("mail", "t", "b", [notice(state="test")])


def test_two_channels_of_one_name_and_a_queue_without_room_are_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.InvalidArgument, match="'chat'"):
        deliveries(tmp_path, FakeClock(), ScriptedChannel(), ScriptedChannel())
    with pytest.raises(errors.InvalidArgument):
        deliveries(tmp_path, FakeClock(), ScriptedChannel(), queue_limit=0)


def test_a_channel_that_hangs_or_fails_does_not_delay_another(tmp_path: Path) -> None:
    hanging = ScriptedChannel("hanging")
    hanging.may_go_on.clear()
    failing = ScriptedChannel("failing", *unavailable(400))
    good = ScriptedChannel("good")
    with running(tmp_path, hanging, failing, good) as made:
        for number in range(50):
            made.send(str(number), "b", [notice()])
        true_soon(lambda: len(good.sent) == 50, "the good channel has sent everything", 30.0)
        assert hanging.sent == []
        true_soon(lambda: len(made.dead_letters()) == 50, "the failing channel has given up", 30.0)


def test_stop_leaves_a_channel_that_hangs_and_loses_nothing(tmp_path: Path) -> None:
    hanging = ScriptedChannel("chat")
    hanging.may_go_on.clear()
    with running(tmp_path, hanging) as made:
        made.send("on its way", "b", [notice()])
        made.send("waiting", "b", [notice()])
        assert hanging.began.wait(30.0)
        made.stop(timeout_s=0.01)
        made.send("late", "b", [notice()])
        left = DeadLetters(tmp_path / "dead.jsonl").all()
        assert [each.delivery.title for each in left] == ["on its way", "waiting", "late"]
        hanging.may_go_on.set()
        true_soon(lambda: hanging.sent, "the call that hung has ended")
    assert [each.outcome for each in made.records()] == ["dead"] * 3
    assert made.queued() == {"chat": 0}


def test_a_thread_that_waits_for_a_retry_stops_at_once(tmp_path: Path) -> None:
    chat = ScriptedChannel("chat", *unavailable(1))
    policy = RetryPolicy(max_tries=4, first_s=3600.0, longest_s=3600.0)
    letters = DeadLetters(tmp_path / "dead.jsonl")
    made = Deliveries([chat], letters, SystemClock(), AtMost(), policy=policy)
    made.start()
    made.send("t", "b", [notice()])
    true_soon(made.records, "the first try has failed")
    made.stop(timeout_s=30.0)
    assert [each.delivery.tries for each in letters.all()] == [1]
