"""The run loop for engines in Python, around a model that does what its signature's name says."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest

from seaway.engines.engine import Array
from seaway.engines.signatures import Signature, TensorSpec, written
from seaway.errors import NotFound, Unimplemented
from seaway.worker.hosted import HostedModel, identity
from seaway.worker.protocol import (
    FLAG_INPUTS_RETAINED,
    DType,
    Reply,
    Run,
    TensorHeader,
    decode_reply,
    encode_run,
)
from tests.support.worker_channel import NUMPY, Channel, floats

INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 3, 5, 8, 12, 13

X, TEXT = TensorSpec(DType.FLOAT, None), TensorSpec(DType.STRING, None)
STRIDE_BYTES = 1 << 16

Answer = Callable[[Mapping[str, Array]], Mapping[str, Any]]
Serve = Callable[..., Channel]


class FakeModel:
    """Useful for: answering with what a test gives, seeing what was asked, and noticing that it was closed."""

    def __init__(self, answer: Answer, signature: Signature) -> None:
        self.answer = answer
        self.wanted: list[tuple[str, ...]] = []
        self.is_closed = False
        self._signature_def_map = written({"s": signature})

    def signature_def_map(self) -> bytes:
        return self._signature_def_map

    def run(self, signature: str, inputs: Mapping[str, Array], outputs: Sequence[str]) -> Mapping[str, Array]:
        self.wanted.append(tuple(outputs))
        answer = self.answer(inputs)
        return {name: np.asarray(answer[name]) for name in outputs}

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A channel that a model answers: `serve(answer, inputs, outputs)`."""
    with ExitStack() as stack:

        def serve(
            answer: Answer, inputs: Mapping[str, TensorSpec], outputs: Mapping[str, TensorSpec], **options: Any
        ) -> Channel:
            channel = Channel(4, STRIDE_BYTES)
            stack.callback(channel.close)
            hosted = HostedModel(options.get("model") or FakeModel(answer, Signature(inputs, outputs)))
            fds = (os.dup(channel.worker_socket.fileno()), os.dup(channel.arena_fd))
            channel.give_away()
            hosted.serve(*fds, channel.layout.slots, STRIDE_BYTES, options.get("threads", 1))
            stack.callback(hosted.close)
            return channel

        yield serve


def echo(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
    return {"y": inputs["x"]}


def raising(error: BaseException) -> Answer:
    def answer(_inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        raise error

    return answer


def run(channel: Channel, x: Any, **options: Any) -> Any:
    return channel.run({"x": x}, "s", **options)["y"]


@pytest.mark.parametrize(
    "dtype", [each for each in DType if not each.name.startswith("Q") and each not in (DType.STRING, DType.BFLOAT16)]
)
def test_every_number_type_goes_in_and_comes_out(serve: Serve, dtype: DType) -> None:
    channel = serve(echo, {"x": TensorSpec(dtype, None)}, {"y": TensorSpec(dtype, None)})
    x = np.array([[0, 1], [1, 0]]).astype(NUMPY[dtype])
    assert run(channel, x).tolist() == x.tolist()


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (2, 0), (1, 1, 1, 1)])
def test_shapes_are_kept(serve: Serve, shape: tuple[int, ...]) -> None:
    assert run(serve(echo, {"x": X}, {"y": X}), np.ones(shape, np.float32)).shape == shape


def test_strings_go_in_and_come_out(serve: Serve) -> None:
    texts = [b"", b"\xff\x00", "ä".encode()]
    assert run(serve(echo, {"x": TEXT}, {"y": TEXT}), texts) == texts


def test_outputs_lie_aligned_one_after_another(serve: Serve) -> None:
    channel = serve(lambda inputs: {"y": inputs["x"], "z": inputs["x"] * 2}, {"x": X}, {"y": X, "z": X})
    channel.send({"x": floats(1, 2, 3)}, "s", slot=2)
    reply = channel.receive()
    start = channel.layout.output_offset(2)
    assert [(each.offset - start, each.length) for each in reply.outputs] == [(0, 12), (64, 12)]
    assert channel.read(reply)["z"].tolist() == [2.0, 4.0, 6.0]


def test_an_output_that_is_no_block_of_memory_is_copied_in_order(serve: Serve) -> None:
    channel = serve(lambda inputs: {"y": inputs["x"].T[::-1]}, {"x": X}, {"y": X})
    assert run(channel, np.arange(4, dtype=np.float32).reshape(2, 2)).tolist() == [[1.0, 3.0], [0.0, 2.0]]


def test_the_model_is_asked_for_wanted_outputs_only(serve: Serve) -> None:
    model = FakeModel(lambda inputs: {"y": inputs["x"], "z": inputs["x"]}, Signature({"x": X}, {"y": X, "z": X}))
    channel = serve(echo, {}, {}, model=model)
    channel.run({"x": floats(1)}, "s", outputs=["z"])
    channel.run({"x": floats(1)}, "s")
    assert [set(wanted) for wanted in model.wanted] == [{"z"}, {"y", "z"}]


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        pytest.param(NotFound("as told"), NOT_FOUND, "as told", id="its-own-code"),
        pytest.param(RuntimeError("boom"), INTERNAL, "internal error in the worker: RuntimeError: boom", id="any"),
        pytest.param(SystemExit(3), INTERNAL, "internal error in the worker: SystemExit: 3", id="leaving"),
        pytest.param(MemoryError(), RESOURCE_EXHAUSTED, "the worker has no memory left for this run", id="memory"),
        pytest.param(NotFound("é" * 600), NOT_FOUND, "é" * 512 + "...TRUNCATED", id="long-words-are-cut"),
    ],
)
def test_an_error_is_answered_and_the_next_run_too(serve: Serve, error: BaseException, code: int, words: str) -> None:
    model = FakeModel(raising(error), Signature({"x": X}, {"y": X}))
    channel = serve(echo, {}, {}, model=model)
    reply = channel.refuse({"x": floats(1)}, "s")
    assert (reply.code, reply.message, reply.flags) == (code, words, 0)
    model.answer = echo
    assert run(channel, floats(1)).tolist() == [1.0]


@pytest.mark.parametrize(
    ("x", "answer", "spec", "code", "words"),
    [
        pytest.param(
            floats(1),
            lambda _: {"y": np.zeros(1 << 15, np.float32)},
            X,
            RESOURCE_EXHAUSTED,
            "the outputs take 131072 bytes, a response may have 65536",
            id="too-large",
        ),
        pytest.param(
            floats(1),
            lambda _: {"y": np.zeros(1, "datetime64[s]")},
            X,
            UNIMPLEMENTED,
            "output 'y' of type datetime64[s] cannot be sent",
            id="no-such-type",
        ),
        pytest.param(
            floats(1),
            echo,
            TEXT,
            INVALID_ARGUMENT,
            "input 'x' is float32; signature 's' expects string",
            id="number-for-a-string",
        ),
    ],
)
def test_what_cannot_be_carried_is_refused(
    serve: Serve, x: Any, answer: Answer, spec: TensorSpec, code: int, words: str
) -> None:
    reply = serve(answer, {"x": spec}, {"y": X}).refuse({"x": x}, "s")
    assert reply.code == code
    assert words in reply.message


def asked(channel: Channel, *tensors: TensorHeader, slot: int = 0) -> Reply:
    channel.socket.send(encode_run(Run(7, slot, "s", tensors)))
    return decode_reply(channel.socket.recv(1 << 18))


@pytest.mark.parametrize(
    ("tensor", "code", "words"),
    [
        pytest.param(TensorHeader("x", DType.FLOAT, (1,), STRIDE_BYTES, 4), INTERNAL, "does not lie in", id="slot-1"),
        pytest.param(TensorHeader("x", DType.FLOAT, (1,), 2**63, 4), INTERNAL, "does not lie in", id="nowhere"),
        pytest.param(TensorHeader("x", DType.FLOAT, (2,), 0, 4), INVALID_ARGUMENT, "does not take", id="too-short"),
        pytest.param(TensorHeader("x", DType.FLOAT, (-1,), 0, 4), INVALID_ARGUMENT, "has no size", id="negative"),
        pytest.param(TensorHeader("x", DType.FLOAT, (2**40, 2**40), 0, 4), INVALID_ARGUMENT, "does not", id="huge"),
        pytest.param(TensorHeader("x", DType.STRING, (9,), 0, 8), INVALID_ARGUMENT, "do not fit", id="strings"),
        pytest.param(TensorHeader("x", DType.QINT8, (1,), 0, 1), UNIMPLEMENTED, "QINT8", id="quantized"),
    ],
)
def test_a_tensor_is_believed_only_where_it_fits(serve: Serve, tensor: TensorHeader, code: int, words: str) -> None:
    channel = serve(echo, {"x": X}, {"y": X})
    reply = asked(channel, tensor)
    assert (reply.request_id, reply.slot, reply.code) == (7, 0, code)
    assert words in reply.message
    assert run(channel, floats(3)).tolist() == [3.0]


def test_an_input_given_twice_and_a_slot_that_is_none_are_refused(serve: Serve) -> None:
    channel = serve(echo, {"x": X}, {"y": X})
    x = TensorHeader("x", DType.FLOAT, (1,), 0, 4)
    assert "given twice" in asked(channel, x, x).message
    reply = asked(channel, slot=4)
    assert (reply.slot, reply.code, reply.message) == (4, INTERNAL, "slot 4 is not one of 4")


def test_a_frame_that_is_none_is_answered_under_its_own_id(serve: Serve) -> None:
    channel = serve(echo, {"x": X}, {"y": X})
    channel.socket.send(encode_run(Run(7, 3, "s"))[:-1])
    reply = channel.receive()
    assert (reply.request_id, reply.slot, reply.code) == (7, 3, INTERNAL)
    assert identity(b"\x01") == (0, 0)
    assert run(channel, floats(3)).tolist() == [3.0]


def test_a_reply_too_long_for_a_packet_becomes_the_error_that_says_so(serve: Serve) -> None:
    outputs = {f"{'long-name-' * 100}{number}": X for number in range(250)}
    channel = serve(lambda inputs: dict.fromkeys(outputs, inputs["x"]), {"x": X}, outputs)
    reply = channel.refuse({"x": floats(1)}, "s")
    assert reply.code == RESOURCE_EXHAUSTED
    assert "196608 fit" in reply.message


def test_inputs_that_a_model_keeps_are_reported_and_copied_from_then_on(serve: Serve) -> None:
    kept: list[Array] = []

    def keep(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        kept.append(inputs["x"][1:])
        return echo(inputs)

    channel = serve(keep, {"x": X}, {"y": X})
    flags = []
    for number in range(3):
        channel.send({"x": floats(number, number)}, "s", slot=number)
        flags.append(channel.receive().flags)
    assert flags == [FLAG_INPUTS_RETAINED, 0, 0]
    channel.send({"x": floats(9, 9)}, "s", slot=1)
    channel.receive()
    assert [each.tolist() for each in kept[1:3]] == [[1.0], [2.0]]


def test_inputs_are_not_retained_by_an_answer_that_is_an_input_nor_by_an_error(serve: Serve) -> None:
    model = FakeModel(echo, Signature({"x": X}, {"y": X}))
    channel = serve(echo, {}, {}, model=model)
    for answer in (echo, raising(ValueError("no")), lambda inputs: {"y": np.zeros(1, "M8[s]")}):
        model.answer = answer
        channel.send({"x": floats(1)}, "s")
        assert channel.receive().flags == 0


def test_threads_run_at_the_same_time(serve: Serve) -> None:
    barrier = threading.Barrier(2, timeout=20)

    def meet(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        barrier.wait()
        return echo(inputs)

    channel = serve(meet, {"x": X}, {"y": X}, threads=2)
    channel.send({"x": floats(1)}, "s", slot=0)
    channel.send({"x": floats(2)}, "s", slot=1)
    answers = [channel.receive() for _ in range(2)]
    assert {reply.slot: channel.read(reply)["y"].tolist() for reply in answers} == {0: [1.0], 1: [2.0]}


def test_closing_hangs_up_and_closes_the_model() -> None:
    model = FakeModel(echo, Signature({"x": X}, {"y": X}))
    channel = Channel(1, STRIDE_BYTES)
    hosted = HostedModel(model)
    hosted.serve(os.dup(channel.worker_socket.fileno()), os.dup(channel.arena_fd), 1, STRIDE_BYTES, 2)
    channel.give_away()
    hosted.close()
    assert channel.socket.recv(16) == b""
    assert model.is_closed
    channel.close()


def test_a_signature_that_numpy_cannot_hold_is_refused_at_load() -> None:
    model = FakeModel(echo, Signature({"x": TensorSpec(DType.BFLOAT16, None)}, {"y": X}))
    with pytest.raises(Unimplemented, match="'x' of element type 14 needs the engine tensorflow"):
        HostedModel(model)
