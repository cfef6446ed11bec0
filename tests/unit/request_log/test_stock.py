"""Files by their names, which of them must go, and how long a store is left in peace."""

from __future__ import annotations

import pytest

from seaway.request_log.stock import LogFile, is_part, parse, pause_s, prefix_of, too_many

FIRST = LogFile("20260131T235959Z", 7, 0, "m", "tfrecord")
SECOND = LogFile("20260131T235959Z", 7, 1, "m", "jsonl")
THIRD = LogFile("20260201T000000Z", 2, 0, "m", "parquet")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("m-20260131T235959Z-7-0.tfrecord", FIRST, id="as-the-plane-names-it"),
        pytest.param("m-20260131T235959Z-7-1.jsonl", SECOND, id="another-form"),
        pytest.param("m-20260131T235959Z-7-1.txt", None, id="no-form"),
        pytest.param("m-x-20260131T235959Z-7-1.jsonl", None, id="a-prefix-that-begins-like-it"),
        pytest.param(".m-20260131T235959Z-7-1.tfrecord.part", None, id="being-written"),
        pytest.param("m-20260131T235959Z-7.jsonl", None, id="no-number"),
        pytest.param("n-20260131T235959Z-7-1.jsonl", None, id="another-prefix"),
    ],
)
def test_a_name_says_which_file_it_is(name: str, expected: LogFile | None) -> None:
    assert parse(name, "m") == expected
    if expected is not None:
        assert (expected.name, prefix_of(name)) == (name, "m")


def test_a_prefix_with_signs_of_its_own_is_found_in_a_name() -> None:
    assert prefix_of("a-b-20260131T235959Z-7-1.jsonl") == "a-b"
    assert prefix_of(".m-20260131T235959Z-7-1.tfrecord.part") == ""
    assert prefix_of("notes.jsonl") == ""


def test_replicas_do_not_share_names() -> None:
    assert FIRST.name_of("digits-1") == "m-20260131T235959Z-digits-1-7-0.tfrecord"


def test_what_is_being_written_is_known_by_its_name() -> None:
    assert is_part(".m-20260131T235959Z-7-1.tfrecord.part", "m")
    assert not is_part(".n-20260131T235959Z-7-1.tfrecord.part", "m")
    assert not is_part("m-20260131T235959Z-7-1.tfrecord", "m")


@pytest.mark.parametrize(
    ("other_bytes", "most_bytes", "gone"),
    [
        pytest.param(0, 30, [], id="all-fit"),
        pytest.param(1, 30, [FIRST], id="the-oldest-goes"),
        pytest.param(10, 20, [FIRST, SECOND], id="as-many-as-must"),
        pytest.param(100, 30, [FIRST, SECOND, THIRD], id="there-is-no-room-at-all"),
    ],
)
def test_the_oldest_go_until_all_fit(other_bytes: int, most_bytes: int, gone: list[LogFile]) -> None:
    assert too_many([(THIRD, 10), (FIRST, 10), (SECOND, 10)], other_bytes, most_bytes) == gone


def test_a_store_that_fails_is_tried_less_and_less_often() -> None:
    assert [pause_s(failures) for failures in (1, 2, 3, 7, 1000)] == [1.0, 2.0, 4.0, 60.0, 60.0]
