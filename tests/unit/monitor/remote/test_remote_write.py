"""From a look to receivers, with the threads that do it; and that a look never waits for them."""

from __future__ import annotations

import random
import threading

from cramjam import snappy

from seaway.clock import SystemClock
from seaway.monitor.collect.collector import Look, Scraped
from seaway.monitor.collect.exposition import Exposition
from seaway.monitor.remote.message import message
from seaway.monitor.remote.receiver import Answer
from seaway.monitor.remote.remote_write import BATCH_SERIES, RemoteWrite
from tests.support.eventually import true_soon

OWN = (("instance", "here"), ("job", "seaway-monitor"))


class Receiver:
    """Takes all, once `there` is set."""

    def __init__(self, name: str, *, is_there: bool = True) -> None:
        self.name = name
        self.there = threading.Event()
        self.got: list[list[tuple[str, float, int]]] = []
        if is_there:
            self.there.set()

    def send(self, content: bytes) -> Answer:
        self.there.wait(20)
        request = message("WriteRequest").FromString(bytes(snappy.decompress_raw(content)))
        self.got.append(
            [(each.labels[0].value, each.samples[0].value, each.samples[0].timestamp) for each in request.timeseries]
        )
        return Answer(204)


def look(at: int, series: int = 1) -> Look:
    said = Exposition({(f"n{number}_total", ()): float(at) for number in range(series)}, {}, {})
    return Look(scraped=[Scraped((("instance", "a"),), at, said, {"up": 1.0})])


def test_a_look_is_sent_in_batches_and_in_order_to_every_receiver() -> None:
    receivers = [Receiver("http://a/"), Receiver("http://b/")]
    remote = RemoteWrite(receivers, SystemClock(), random.Random(0), OWN)
    remote.start()
    for at in (1, 2):
        remote.take(look(at, BATCH_SERIES + 5), [], at)
    remote.close()
    for receiver in receivers:
        assert [len(batch) for batch in receiver.got] == [BATCH_SERIES, 6, BATCH_SERIES, 6]
        assert [at for batch in receiver.got for _, _, at in batch] == [1] * (BATCH_SERIES + 6) + [2] * (
            BATCH_SERIES + 6
        )


def test_a_receiver_that_hangs_delays_neither_the_look_nor_another_receiver() -> None:
    hanging, other = Receiver("http://hangs/", is_there=False), Receiver("http://other/")
    remote = RemoteWrite([hanging, other], SystemClock(), random.Random(0), OWN)
    remote.start()
    try:
        for at in range(1, 4):
            remote.take(look(at), [], at)
            true_soon(lambda at=at: len(other.got) == at, "the other has it")
        assert hanging.got == []
        pending = {
            dict(each.series.labels)["receiver"]: each.point.value
            for each in remote.samples(9)
            if each.series.name == "monitor_remote_write_pending_samples"
        }
        assert pending["http://hangs/"] == 6.0
    finally:
        hanging.there.set()
        remote.close()
    assert [len(batch) for batch in hanging.got] == [2, 2, 2]


def test_what_became_of_samples_is_told_as_additions() -> None:
    receiver = Receiver("http://a/")
    remote = RemoteWrite([receiver], SystemClock(), random.Random(0), OWN)
    remote.take(look(1), [], 1)
    remote.start()
    true_soon(lambda: len(receiver.got) == 1, "it is sent")
    remote.close()
    told = [(each.series.name, dict(each.series.labels).get("outcome"), each.point.value) for each in remote.samples(2)]
    assert told == [
        ("monitor_remote_write_samples_total", "sent", 2.0),
        ("monitor_remote_write_pending_samples", None, 0.0),
    ]
    assert [each.series.name for each in remote.samples(3)] == ["monitor_remote_write_pending_samples"]


def test_looks_that_cannot_be_encoded_in_time_are_counted_as_dropped() -> None:
    remote = RemoteWrite([Receiver("http://a/")], SystemClock(), random.Random(0), OWN)
    for at in range(6):  # Nothing encodes yet.
        remote.take(look(at), [], at)
    dropped = [each.point.value for each in remote.samples(9) if ("outcome", "dropped") in each.series.labels]
    assert dropped == [4.0]
    remote.close()


def test_without_a_receiver_nothing_is_kept() -> None:
    remote = RemoteWrite([], SystemClock(), random.Random(0), OWN)
    remote.start()
    remote.take(look(1), [], 1)
    assert list(remote.batches()) == []
    assert remote.samples(1) == []
    remote.close()
