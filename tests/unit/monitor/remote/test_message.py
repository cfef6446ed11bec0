"""What is written in pieces is a whole message to whoever reads it."""

from __future__ import annotations

import struct

from cramjam import snappy

from seaway.monitor.remote import message


def test_pieces_are_a_write_request_to_its_reader() -> None:
    pairs = [("__name__", "up"), ("instance", 'a"\n<b>模'), ("job", "")]
    series = [message.labels(pairs) + message.sample(1.5, 1_700_000_000_123), message.labels([("__name__", "x")])]
    found = message.message("WriteRequest").FromString(message.request(series))
    assert [[(each.name, each.value) for each in one.labels] for one in found.timeseries] == [
        pairs,
        [("__name__", "x")],
    ]
    (sample,) = found.timeseries[0].samples
    assert (sample.value, sample.timestamp) == (1.5, 1_700_000_000_123)


def test_labels_written_in_two_parts_are_one_list() -> None:
    parts = message.labels([("a", "1")]) + message.labels([("le", "+Inf")]) + message.labels([("z", "2")])
    found = message.message("TimeSeries").FromString(parts)
    assert [each.name for each in found.labels] == ["a", "le", "z"]


def test_the_marker_of_an_end_keeps_its_bits() -> None:
    # Another not-a-number would be a value that is not a number. Source: Prometheus, model/value, StaleNaN.
    written = message.sample(message.STALE, 1)
    assert struct.pack("<Q", 0x7FF0000000000002) in written


def test_half_a_character_is_replaced() -> None:
    found = message.message("TimeSeries").FromString(message.labels([("model", "a\ud800b")]))
    assert found.labels[0].value == "a?b"


def test_requests_are_in_snappys_block_format() -> None:
    content = message.request([message.labels([("__name__", "up")]) + message.sample(1.0, 1)] * 100)
    packed = message.compressed(content)
    assert len(packed) < len(content) // 4
    assert bytes(snappy.decompress_raw(packed)) == content
