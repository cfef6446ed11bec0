"""Prometheus text: what it says, and that what is remembered of it is remembered rightly."""

from __future__ import annotations

import math

import pytest

from seaway.errors import InvalidArgument
from seaway.monitor.collect.exposition import ExpositionReader, Histogram

TEXT = r"""# HELP seaway_requests_total Requests.
# TYPE seaway_requests_total counter
seaway_requests_total{model="a b",code="OK"} 3
# TYPE :tensorflow:serving:request_count counter
:tensorflow:serving:request_count{model_name="say \"hi\" } 7",status="OK"} 4
# TYPE seaway_request_seconds histogram
seaway_request_seconds_bucket{model="m",le="0.1"} 1
seaway_request_seconds_bucket{model="m",le="1"} 3
seaway_request_seconds_bucket{model="m",le="+Inf"} 4
seaway_request_seconds_sum{model="m"} 5.5
seaway_request_seconds_count{model="m"} 4
# TYPE up gauge
up 1
with_time{a="b"} 2 1700000000000
bad NaN
"""


def test_everything_is_read_twice_alike() -> None:
    reader = ExpositionReader()
    for _ in range(2):
        found = reader.read(TEXT)
        assert found.counters == {
            ("seaway_requests_total", (("code", "OK"), ("model", "a b"))): 3.0,
            (":tensorflow:serving:request_count", (("model_name", 'say "hi" } 7'), ("status", "OK"))): 4.0,
        }
        assert found.gauges == {("up", ()): 1.0, ("with_time", (("a", "b"),)): 2.0}
        histogram = found.histograms["seaway_request_seconds", (("model", "m"),)]
        assert histogram == Histogram((0.1, 1.0), (1.0, 3.0), 5.5, 4.0)


@pytest.mark.parametrize("line", ['up{a="b"} one', 'up{a="b', "up{a=b} 1", "{} 1", "<html><body>Not found</body>"])
def test_what_is_no_such_text_is_refused_with_the_line(line: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        ExpositionReader().read(line + "\n")
    assert line[:10] in caught.value.message


def test_a_name_that_ends_like_a_histograms_part_is_what_it_says_it_is() -> None:
    found = ExpositionReader().read("# TYPE jobs_count gauge\njobs_count 5\n")
    assert found.gauges == {("jobs_count", ()): 5.0}


TYPED = '# TYPE took histogram\ntook_bucket{le="1"} 3\ntook_bucket{le="+Inf"} 4\ntook_sum 5\ntook_count 4\n'
UNTYPED = "".join(TYPED.partition("\n")[2:])


@pytest.mark.parametrize("order", [(UNTYPED, TYPED, UNTYPED), (TYPED, UNTYPED, TYPED)], ids=["untyped-first", "last"])
def test_what_one_server_calls_a_name_says_nothing_of_another_servers(order: tuple[str, ...]) -> None:
    reader = ExpositionReader()
    for text in order:
        found = reader.read(text)
        assert len(found.histograms) == (text == TYPED)
        assert len(found.gauges) == (4 if text == UNTYPED else 0)


def test_a_bound_that_is_no_number_makes_no_bucket() -> None:
    found = ExpositionReader().read(TYPED + 'took_bucket{le="much"} 3\ntook_bucket{le="nan"} 3\n')
    assert found.histograms["took", ()].bounds == (1.0,)


@pytest.mark.parametrize("end", ["\r", "\x0b", "\x1c", "\x85", "\u2028"])
def test_a_label_may_hold_other_line_ends(end: str) -> None:
    assert ExpositionReader().read(f'up{{a="x{end}y"}} 1\n').gauges == {("up", (("a", f"x{end}y"),)): 1.0}


CHANGES = {
    "nothing": TEXT,
    "one-value": TEXT.replace("up 1", "up 0"),
    "one-bucket": TEXT.replace('le="0.1"} 1', 'le="0.1"} 2'),
    "a-series-more": TEXT + 'seaway_requests_total{model="new",code="OK"} 1\n',
    "a-series-less": TEXT.replace("up 1\n", ""),
    "one-for-another": TEXT.replace('code="OK"} 3', 'code="LATE"} 3'),
    "a-histogram-for-another": TEXT.replace('seconds_bucket{model="m"', 'seconds_bucket{model="n"')
    .replace('seconds_sum{model="m"', 'seconds_sum{model="n"')
    .replace('seconds_count{model="m"', 'seconds_count{model="n"'),
    "a-bucket-less": TEXT.replace('seaway_request_seconds_bucket{model="m",le="1"} 3\n', ""),
    "no-number-any-more": TEXT.replace("up 1", "up NaN"),
    "a-number-now": TEXT.replace("bad NaN", "bad 1"),
    "another-kind": TEXT.replace("# TYPE up gauge", "# TYPE up counter"),
    "empty": "",
}


@pytest.mark.parametrize("after", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("before", CHANGES.values(), ids=CHANGES.keys())
def test_what_is_read_beside_the_look_before_is_what_is_read_alone(before: str, after: str) -> None:
    reader = ExpositionReader()
    assert reader.read(after, reader.read(before)) == ExpositionReader().read(after)


def test_an_infinite_gauge_is_left_out() -> None:
    assert ExpositionReader().read(f"x {math.inf}\n").gauges == {}
