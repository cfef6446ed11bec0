"""What every engine must do, over the data channel of a real worker."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seaway.errors import FailedPrecondition
from seaway.worker.protocol import Run, TensorHeader, decode_reply, encode_run
from tests.support.engine_kits import Kit
from tests.support.worker_channel import Channel, floats

pytestmark = pytest.mark.e2e

Load = Callable[..., Channel]

INVALID_ARGUMENT, DEADLINE_EXCEEDED, FAILED_PRECONDITION, INTERNAL = 3, 4, 9, 13


def column(*values: float) -> np.ndarray[Any, Any]:
    return floats(*values).reshape(-1, 1)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 11], ids=lambda rows: f"{rows}-rows")
def test_every_row_has_its_answer(load: Load, rows: int) -> None:
    x = np.arange(rows, dtype=np.float32).reshape(-1, 1)
    assert np.allclose(load("half_plus_two").run({"x": x})["y"], x / 2 + 2)


def test_an_empty_batch_answers_an_empty_batch(load: Load) -> None:
    assert load("half_plus_two").run({"x": np.zeros((0, 1), np.float32)})["y"].shape == (0, 1)


def test_several_inputs_give_several_outputs(load: Load) -> None:
    answer = load("arithmetic").run({"a": floats(1, 2, 3), "b": floats(10, 20, 30)})
    assert {name: value.tolist() for name, value in answer.items()} == {
        "sum": [11.0, 22.0, 33.0],
        "difference": [-9.0, -18.0, -27.0],
    }


def test_the_order_of_inputs_does_not_matter(load: Load) -> None:
    answer = load("arithmetic").run({"b": floats(10), "a": floats(1)})
    assert answer["difference"].tolist() == [-9.0]


@pytest.mark.parametrize("name", ["sum", "difference"])
def test_only_the_outputs_that_were_asked_for_are_answered(load: Load, name: str) -> None:
    assert list(load("arithmetic").run({"a": floats(1), "b": floats(2)}, outputs=[name])) == [name]


def test_a_scalar_is_a_scalar(load: Load) -> None:
    answer = load("scalar").run({"x": np.array(3.0, np.float32)})["y"]
    assert answer.shape == ()
    assert float(answer) == 3.5


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_rows_that_influence_each_other_are_neither_padded_nor_parted(load: Load, rows: int) -> None:
    x = np.random.default_rng(rows).standard_normal((rows, 2)).astype(np.float32)
    assert np.allclose(load("centred").run({"x": x})["y"], x - x.mean(axis=0, keepdims=True), atol=1e-5)


@pytest.mark.parametrize(
    ("inputs", "options", "words"),
    [
        pytest.param({"x": np.zeros((1, 1), np.float64)}, {}, "", id="element-type"),
        pytest.param({"x": [b"one"]}, {}, "", id="string-for-a-number"),
        pytest.param({"x": column(1), "z": column(1)}, {}, "has no input 'z'", id="unknown-input"),
        pytest.param({}, {}, "also needs the inputs: x", id="missing-input"),
        pytest.param({"x": column(1)}, {"outputs": ["z"]}, "has no output 'z'", id="unknown-output"),
    ],
)
def test_what_does_not_fit_the_signature_is_an_invalid_argument(
    load: Load, inputs: dict[str, Any], options: dict[str, Any], words: str
) -> None:
    channel = load("half_plus_two")
    reply = channel.refuse(inputs, **options)
    assert reply.code == INVALID_ARGUMENT, reply
    assert words in reply.message
    assert channel.run({"x": column(2)})["y"].tolist() == [[3.0]]


def test_a_shape_that_does_not_fit_is_an_invalid_argument_and_the_next_run_is_answered(load: Load) -> None:
    channel = load("matmul")
    reply = channel.refuse({"x": np.ones((2, 4), np.float32)})
    assert reply.code == INVALID_ARGUMENT, reply
    assert reply.message
    assert channel.run({"x": np.ones((1, 3), np.float32)})["y"].tolist() == [[9.0, 12.0]]


def test_an_unknown_signature_is_refused_by_name(load: Load) -> None:
    reply = load("half_plus_two").refuse({"x": column(1)}, "absent")
    assert (reply.code, reply.message) == (FAILED_PRECONDITION, 'Serving signature key "absent" not found.')


def test_a_run_whose_deadline_has_passed_is_not_begun(load: Load) -> None:
    channel = load("half_plus_two")
    reply = channel.refuse({"x": column(1)}, timeout_s=-1.0)
    assert (reply.code, reply.message) == (DEADLINE_EXCEEDED, "the deadline passed before the run began")
    assert channel.run({"x": column(2)}, timeout_s=60.0)["y"].tolist() == [[3.0]]


def test_a_bad_frame_is_answered_and_the_loop_goes_on(load: Load) -> None:
    channel = load("half_plus_two")
    outside = TensorHeader("x", 1, (1, 1), channel.layout.output_offset(0), 4)  # type: ignore[arg-type]
    for frame in (b"\x01", b"\xff" * 40, encode_run(Run(7, 0, "serving_default", (outside,)))):
        channel.socket.send(frame)
        assert decode_reply(channel.socket.recv(1 << 18)).code == INTERNAL
    assert channel.run({"x": column(2)})["y"].tolist() == [[3.0]]


def test_two_runs_at_once_do_not_mix(load: Load) -> None:
    channel = load("half_plus_two")
    for batch in range(25):
        values = {slot: float(100 * batch + slot) for slot in range(4)}
        for slot, value in values.items():
            channel.send({"x": column(value, -value)}, slot=slot)
        for _ in values:
            reply = channel.receive()
            value = values[reply.slot]
            assert channel.read(reply)["y"].ravel().tolist() == [value / 2 + 2, -value / 2 + 2]


def test_two_channels_of_one_worker_are_answered_at_once(load: Load) -> None:
    channels = [load("half_plus_two"), load("arithmetic")]
    inputs = [{"x": column(4)}, {"a": floats(1), "b": floats(3)}]
    with ThreadPoolExecutor(2) as pool:
        half, arithmetic = pool.map(lambda pair: pair[0].run(pair[1]), zip(channels, inputs, strict=True))
    assert half["y"].tolist() == [[4.0]]
    assert arithmetic["sum"].tolist() == [4.0]


def test_a_directory_of_another_engine_is_refused_with_the_engine_that_takes_it(
    load_version: Load, kit: Kit, tmp_path: Path
) -> None:
    other = "model.py" if kit.engine != "python" else "saved_model.pb"
    (tmp_path / other).write_text("")
    with pytest.raises(FailedPrecondition, match=r"--engine (python|tensorflow)"):
        load_version(tmp_path, kit)
