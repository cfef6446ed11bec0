"""What a look is on the wire, look after look: totals as they were read, and each end told once."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import pytest

from seaway.monitor.collect.collector import Look, Scraped
from seaway.monitor.collect.exposition import ExpositionReader
from seaway.monitor.point import Kind, Point, Sample, Series
from seaway.monitor.remote.encoding import IDLE_MS, Encoder, size
from seaway.monitor.remote.message import STALE, message

A = (("instance", "a:1"), ("job", "seaway"), ("zone", "x"))
OWN = (("instance", "here"), ("job", "seaway-monitor"))
TEXT = """\
# TYPE requests_total counter
requests_total{model="m",zone="own"} 7
# TYPE depth gauge
depth 3
# TYPE took histogram
took_bucket{a="1",z="2",le="0.1"} 1
took_bucket{a="1",z="2",le="1"} 3
took_bucket{a="1",z="2",le="+Inf"} 4
took_sum{a="1",z="2"} 2.5
took_count{a="1",z="2"} 4
"""
END = "ended"


class Wire:
    """An encoder and what comes of it, as its reader has it."""

    def __init__(self) -> None:
        self.encoder = Encoder(OWN)
        self.reader = ExpositionReader()

    def look(self, text: str | None, at: int, *, is_gone: bool = False) -> dict[str, float | str]:
        said = None if text is None else self.reader.read(text)
        scraped = [] if is_gone else [Scraped(A, at, said, {"up": float(text is not None)})]
        return self.read(self.encoder.encode(Look(scraped=scraped, gone=[A] if is_gone else []), [], at), at)

    def beside(self, samples: Sequence[Sample], at: int) -> dict[str, float | str]:
        return self.read(self.encoder.encode(Look(), samples, at), at)

    @staticmethod
    def read(series: object, at: int) -> dict[str, float | str]:
        found: dict[str, float | str] = {}
        assert hasattr(series, "__iter__")
        for written in series:
            one = message("TimeSeries").FromString(written)
            names = [each.name for each in one.labels]
            assert names == sorted(set(names))
            labels = {each.name: each.value for each in one.labels}
            (sample,) = one.samples
            assert sample.timestamp == at
            is_end = struct.pack("<d", sample.value) == struct.pack("<d", STALE)
            who = ",".join(f"{name}={value}" for name, value in labels.items())
            assert who not in found
            found[who] = END if is_end else sample.value
        return found


@pytest.fixture
def wire() -> Wire:
    return Wire()


def of(found: dict[str, float | str], name: str) -> dict[str, float | str]:
    return {who: value for who, value in found.items() if who.startswith(f"__name__={name},")}


def test_totals_go_as_they_were_read_with_the_servers_labels(wire: Wire) -> None:
    at_server = "instance=a:1,job=seaway"
    assert wire.look(TEXT, 1000) == {
        f"__name__=up,{at_server},zone=x": 1.0,
        f"__name__=requests_total,exported_zone=own,{at_server},model=m,zone=x": 7.0,
        f"__name__=depth,{at_server},zone=x": 3.0,
        f"__name__=took_bucket,a=1,{at_server},le=0.1,z=2,zone=x": 1.0,
        f"__name__=took_bucket,a=1,{at_server},le=1,z=2,zone=x": 3.0,
        f"__name__=took_bucket,a=1,{at_server},le=+Inf,z=2,zone=x": 4.0,
        f"__name__=took_sum,a=1,{at_server},z=2,zone=x": 2.5,
        f"__name__=took_count,a=1,{at_server},z=2,zone=x": 4.0,
    }
    # What did not change is sent all the same: a receiver forgets a value after five minutes.
    assert len(wire.look(TEXT, 2000)) == 8


def test_a_server_that_does_not_answer_ends_its_series_once_and_says_that_it_is_down(wire: Wire) -> None:
    before = wire.look(TEXT, 1000)
    down = wire.look(None, 2000)
    assert down.pop("__name__=up,instance=a:1,job=seaway,zone=x") == 0.0
    assert set(down.values()) == {END}
    assert set(down) == {who for who in before if "=up," not in who}
    assert list(wire.look(None, 3000).values()) == [0.0]
    assert wire.look(TEXT, 4000) == before


def test_a_series_that_went_ends_and_the_others_go_on(wire: Wire) -> None:
    wire.look(TEXT, 1000)
    found = wire.look(TEXT.replace("depth 3\n", ""), 2000)
    assert [who.split(",")[0] for who, value in found.items() if value == END] == ["__name__=depth"]
    assert len(found) == 8


def test_of_a_histogram_with_other_bounds_only_those_end_that_went(wire: Wire) -> None:
    wire.look(TEXT, 1000)
    found = of(wire.look(TEXT.replace('le="0.1"', 'le="0.2"'), 2000), "took_bucket")
    assert {who.split("le=")[1].split(",")[0]: value for who, value in found.items()} == {
        "0.1": END,
        "0.2": 1.0,
        "1": 3.0,
        "+Inf": 4.0,
    }


def test_a_server_that_is_looked_at_no_more_ends_with_all_it_had(wire: Wire) -> None:
    before = wire.look(TEXT, 1000)
    found = wire.look(None, 2000, is_gone=True)
    assert set(found) == set(before)
    assert set(found.values()) == {END}
    assert wire.look(None, 3000, is_gone=True) == {}


def test_the_monitors_own_counters_become_totals_and_end_when_nothing_is_added_for_long(wire: Wire) -> None:
    sent = Series("sent_total", (("way", "out"),), Kind.COUNTER)
    load = Series("load", (("instance", "r1"),), Kind.GAUGE)
    who, gauge = (
        "__name__=sent_total,instance=here,job=seaway-monitor,way=out",
        "__name__=load,instance=r1,job=seaway-monitor",
    )
    assert wire.beside([Sample(sent, Point(0, 5.0)), Sample(load, Point(0, 0.5))], 0) == {who: 5.0, gauge: 0.5}
    assert wire.beside([Sample(sent, Point(1, 2.0))], 1) == {who: 7.0, gauge: END}
    assert wire.beside([], 2) == {who: 7.0}
    assert wire.beside([], 1 + IDLE_MS) == {who: END}
    assert wire.beside([], 2 + IDLE_MS) == {}


def test_the_size_of_a_look_is_the_number_of_its_samples(wire: Wire) -> None:
    look = Look(scraped=[Scraped(A, 0, wire.reader.read(TEXT), {"up": 1.0})])
    assert size(look, []) == len(list(wire.encoder.encode(look, [], 0))) == 8
    assert not math.isnan(size(Look(), []))
