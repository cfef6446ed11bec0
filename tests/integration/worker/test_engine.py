"""The TensorFlow engine over the data channel, on real models in a real worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seaway.worker.protocol import FLAG_INPUTS_RETAINED, DType, Run, TensorHeader, encode_run
from tests.support.worker_channel import NUMPY, Channel, Typed, floats

pytestmark = pytest.mark.e2e

Load = Callable[..., Channel]

INVALID_ARGUMENT, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, INTERNAL = 3, 4, 8, 9, 13


@pytest.mark.parametrize("model", ["half_plus_two", "half_plus_two_tf2"])
def test_both_generations_of_exports_answer(load: Load, model: str) -> None:
    answer = load(model).run({"x": floats(1, 2, 5).reshape(3, 1)})
    assert answer["y"].tolist() == [[2.5], [3.0], [4.5]]


def test_an_empty_batch_answers_an_empty_batch(load: Load) -> None:
    assert load("half_plus_two").run({"x": np.zeros((0, 1), np.float32)})["y"].shape == (0, 1)


@pytest.mark.parametrize("dtype", [dtype for dtype in NUMPY if dtype is not DType.BFLOAT16], ids=lambda d: d.name)
def test_every_element_type_passes_unchanged(load: Load, dtype: DType) -> None:
    values = np.array([[0, 1, 2], [100, 101, 1]]).astype(NUMPY[dtype])
    name = {"FLOAT": "float32", "DOUBLE": "float64", "HALF": "float16"}.get(dtype.name, dtype.name.lower())
    answer = load("identity").run({"x": values}, name)["y"]
    assert answer.dtype == values.dtype
    assert answer.tolist() == values.tolist()


def test_bfloat16_passes_unchanged(load: Load) -> None:
    bits = np.array([0x3F80, 0xC000], np.uint16)
    answer = load("identity").run({"x": Typed(DType.BFLOAT16, bits)}, "bfloat16")["y"]
    assert answer.tolist() == bits.tolist()


def test_strings_of_every_length_go_in_and_come_out(load: Load) -> None:
    texts = [b"", b"a", b"x" * 22, b"x" * 23, b"y" * 70_000, b"nul\0inside"]
    answer = load("strings").run({"text": texts})
    assert answer["upper"] == [text.upper() for text in texts]
    assert answer["length"].tolist() == [len(text) for text in texts]


def test_a_table_is_filled_from_its_asset_by_the_init_operation(load: Load) -> None:
    assert load("strings").run({"word": [b"beta", b"none"]}, "lookup")["id"].tolist() == [1, -1]


def test_several_outputs_come_together_or_as_filtered(load: Load) -> None:
    channel = load("outputs")
    inputs = {"a": floats(3, 1), "b": floats(1, 2)}
    assert set(channel.run(inputs)) == {"sum", "difference", "label_bytes"}
    filtered = channel.run(inputs, outputs=["label_bytes", "sum"])
    assert list(filtered) == ["label_bytes", "sum"]
    assert filtered["label_bytes"] == [b"greater", b"not greater"]
    assert filtered["sum"].tolist() == [4, 3]


def test_inputs_in_any_order_are_the_same_request(load: Load) -> None:
    channel = load("outputs")
    for inputs in ({"a": floats(3), "b": floats(1)}, {"b": floats(1), "a": floats(3)}):
        assert channel.run(inputs)["difference"].tolist() == [2]


def test_a_default_stands_in_for_an_input_that_is_left_out(load: Load) -> None:
    channel = load("defaults")
    assert channel.run({"a": floats(1, 2)})["y"].tolist() == [11, 12]
    assert channel.run({"a": floats(1, 2), "b": floats(1, 1)})["y"].tolist() == [2, 3]


def test_a_model_without_inputs_keeps_its_state_between_runs(load: Load) -> None:
    channel = load("counter")
    for expected in (1, 2, 3):
        assert channel.run({}, "incr_counter")["output"] == expected
    channel.run({}, "reset_counter")
    assert channel.run({"delta": np.array(2.5, np.float32)}, "incr_counter_by")["output"] == 2.5


def test_a_value_that_the_model_keeps_is_told_once_and_copied_from_then_on(load: Load) -> None:
    channel = load("keeper")
    first, second = np.full(64, 1, np.float32), np.full(64, 2, np.float32)
    channel.send({"x": first}, slot=0)
    assert channel.receive().flags == FLAG_INPUTS_RETAINED
    assert channel.run({}, "kept", slot=1)["y"].tolist() == first.tolist()
    channel.send({"x": second}, slot=1)
    assert channel.receive().flags == 0
    channel.send({"x": np.full(64, 3, np.float32)}, "kept", slot=1)  # overwrites the slot's inputs, then is refused
    assert channel.receive().code == INVALID_ARGUMENT
    assert channel.run({}, "kept", slot=1)["y"].tolist() == second.tolist()


@pytest.mark.parametrize(
    ("inputs", "options", "code", "text"),
    [
        pytest.param({}, {}, INVALID_ARGUMENT, "also needs the inputs: x", id="missing-input"),
        pytest.param({"x": floats(1), "z": floats(1)}, {}, INVALID_ARGUMENT, "has no input 'z'", id="extra-input"),
        pytest.param({"x": np.array([1.0])}, {}, INVALID_ARGUMENT, "float but double", id="wrong-type"),
        pytest.param({"x": floats(1)}, {"outputs": ["q"]}, INVALID_ARGUMENT, "has no output 'q'", id="no-such-output"),
        pytest.param(
            {"x": floats(1)}, {"signature": "s"}, FAILED_PRECONDITION, '"s" not found', id="no-such-signature"
        ),
    ],
)
def test_a_run_that_does_not_fit_the_signature_is_refused(
    load: Load, inputs: dict[str, Any], options: dict[str, Any], code: int, text: str
) -> None:
    reply = load("half_plus_two").refuse(inputs, **options)
    assert reply.code == code
    assert text in reply.message


def test_an_error_inside_the_graph_has_tensorflows_own_words(load: Load) -> None:
    reply = load("gather").refuse({"index": np.array([7], np.int32)})
    assert reply.code == INVALID_ARGUMENT
    assert "7" in reply.message
    assert "[0, 3)" in reply.message


def test_outputs_larger_than_a_slot_are_refused_with_both_sizes(load: Load) -> None:
    channel = load("strings", stride_bytes=4096)
    reply = channel.refuse({"text": [b"x" * 2000, b"x" * 2050]})
    assert reply.code == RESOURCE_EXHAUSTED
    assert "4096" in reply.message
    assert channel.run({"text": [b"ok"]})["upper"] == [b"OK"]


def test_a_run_ends_at_its_timeout_and_the_next_one_works(load: Load) -> None:
    channel = load("slow")
    reply = channel.refuse({"milliseconds": floats(30_000)}, timeout_s=0.2)
    assert reply.code == DEADLINE_EXCEEDED
    assert channel.run({"milliseconds": floats(1)})["spent"].tolist() == [1]


def test_a_run_whose_deadline_has_passed_is_not_begun(load: Load) -> None:
    channel = load("counter")
    reply = channel.refuse({}, "incr_counter", timeout_s=-1.0)
    assert (reply.code, reply.message) == (DEADLINE_EXCEEDED, "the deadline passed before the run began")
    assert channel.run({}, "get_counter")["output"] == 0


def test_runs_in_several_slots_are_answered_side_by_side(load: Load) -> None:
    channel = load("slow", threads=2)
    channel.send({"milliseconds": floats(2_000)}, slot=0)
    channel.send({"milliseconds": floats(1)}, slot=1)
    assert [channel.receive().slot, channel.receive().slot] == [1, 0]


def test_bytes_that_are_no_frame_are_answered_and_the_channel_lives(load: Load) -> None:
    channel = load("half_plus_two")
    channel.socket.send(b"\xff" * 20)
    assert channel.receive().code == INTERNAL
    assert channel.run({"x": floats(1).reshape(1, 1)})["y"].tolist() == [[2.5]]


def test_a_tensor_outside_its_slot_is_refused(load: Load) -> None:
    channel = load("half_plus_two")
    channel.send({"x": floats(1).reshape(1, 1)}, slot=1)
    channel.receive()
    # The input region of slot 1, claimed by a run of slot 0.
    header = TensorHeader("x", DType.FLOAT, (1, 1), channel.layout.input_offset(1), 4)
    channel.socket.send(encode_run(Run(99, 0, "serving_default", (header,))))
    reply = channel.receive()
    assert (reply.request_id, reply.code) == (99, INTERNAL)
    assert "slot 0" in reply.message
