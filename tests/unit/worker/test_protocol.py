"""The Python codec of the data channel: golden bytes, and bytes that are not frames."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seaway.worker.protocol import (
    DType,
    FrameError,
    Layout,
    Reply,
    Run,
    TensorHeader,
    align,
    decode_reply,
    decode_run,
    decode_strings,
    encode_reply,
    encode_run,
    encode_strings,
)
from tests.support import golden_frames as golden

U64 = st.integers(0, 2**64 - 1)
U16 = st.integers(0, 2**16 - 1)
NAMES = st.text(max_size=20)
TENSORS = st.builds(
    TensorHeader,
    NAMES,
    st.sampled_from(DType),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5).map(tuple),
    U64,
    U64,
)
RUNS = st.builds(Run, U64, U16, NAMES, st.lists(TENSORS, max_size=3).map(tuple), st.lists(NAMES).map(tuple), U64)
REPLIES = st.builds(
    Reply, U64, U16, st.integers(0, 16), NAMES, st.lists(TENSORS, max_size=3).map(tuple), st.integers(0, 255), U64
)


@pytest.mark.parametrize("name", golden.FILES)
def test_what_is_written_is_the_golden_bytes(name: str) -> None:
    assert golden.FILES[name] == (golden.DIRECTORY / name).read_bytes()


@pytest.mark.parametrize(
    ("name", "run"),
    [("run.bin", golden.RUN), ("run_bare.bin", golden.RUN_BARE), ("run_all_types.bin", golden.RUN_ALL_TYPES)],
)
def test_a_golden_run_reads_as_its_value(name: str, run: Run) -> None:
    assert decode_run((golden.DIRECTORY / name).read_bytes()) == run


@pytest.mark.parametrize(
    ("name", "reply"), [("reply_ok.bin", golden.REPLY_OK), ("reply_error.bin", golden.REPLY_ERROR)]
)
def test_a_golden_reply_reads_as_its_value(name: str, reply: Reply) -> None:
    assert decode_reply((golden.DIRECTORY / name).read_bytes()) == reply


def test_golden_strings_read_as_their_elements() -> None:
    data = (golden.DIRECTORY / "strings.bin").read_bytes()
    assert decode_strings(data, len(golden.STRINGS)) == list(golden.STRINGS)


@given(RUNS)
def test_a_run_round_trips(run: Run) -> None:
    assert decode_run(encode_run(run)) == run


@given(REPLIES)
def test_a_reply_round_trips(reply: Reply) -> None:
    assert decode_reply(encode_reply(reply)) == reply


@given(st.lists(st.binary(max_size=30)))
def test_strings_round_trip(elements: list[bytes]) -> None:
    assert decode_strings(encode_strings(elements), len(elements)) == elements


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_frame_error(data: bytes) -> None:
    for decode in (decode_run, decode_reply):
        with contextlib.suppress(FrameError):
            decode(data)


def test_every_truncation_and_every_extra_byte_is_refused() -> None:
    frame = encode_run(golden.RUN)
    for end in range(len(frame)):
        with pytest.raises(FrameError):
            decode_run(frame[:end])
    with pytest.raises(FrameError, match="1 bytes follow"):
        decode_run(frame + b"\0")


def test_a_reply_is_not_a_run() -> None:
    with pytest.raises(FrameError, match="expected kind 1 of version 1, got kind 2 of version 1"):
        decode_run(encode_reply(golden.REPLY_OK))


def test_an_unknown_element_type_is_refused() -> None:
    frame = bytearray(encode_reply(Reply(1, 0, outputs=(TensorHeader("y", DType.FLOAT, (), 0, 4),))))
    frame[frame.index(b"\x01\x00\x01\x00y")] = 99
    with pytest.raises(FrameError, match="99 is not an element type"):
        decode_reply(bytes(frame))


@pytest.mark.parametrize(
    ("data", "count"),
    [
        pytest.param(bytes(8), 1, id="no-room-for-the-offsets"),
        pytest.param(bytes(8) + (9).to_bytes(8, "little"), 1, id="past-the-end"),
        pytest.param((5).to_bytes(8, "little") + bytes(8) + b"hello", 1, id="backwards"),
        pytest.param(bytes(8), 2**40, id="absurd-count"),
    ],
)
def test_string_offsets_that_do_not_fit_are_refused(data: bytes, count: int) -> None:
    with pytest.raises(FrameError):
        decode_strings(data, count)


def test_regions_follow_one_another_and_outputs_come_after_all_inputs() -> None:
    layout = Layout(slots=2, stride_bytes=4096)
    offsets = [layout.input_offset(0), layout.input_offset(1), layout.output_offset(0), layout.output_offset(1)]
    assert offsets == [0, 4096, 8192, 12288]
    assert layout.total_bytes == 16384


@pytest.mark.parametrize(("offset", "aligned"), [(0, 0), (1, 64), (64, 64), (65, 128)])
def test_tensors_are_aligned_to_64_bytes(offset: int, aligned: int) -> None:
    assert align(offset) == aligned
