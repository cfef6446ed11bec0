"""When `verify` and `diff` end with 1, and what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.cli import main
from seaway.cli.version.diff import breaks, lines
from seaway.cli.version.verify import engines_to_ask, failed
from seaway.errors import InvalidArgument
from seaway.export.answers import Contrast, Contrasts
from seaway.export.difference import Change
from seaway.serving.verification import Outcome

AGREES = Outcome("tensorflow", "agrees", 9, 1e-7)
DIFFERS = Outcome("onnx", "differs", 9, 0.5, ("recorded request 0: other", "recorded request 1: other"))
REFUSED = Outcome("openvino", "refused", why=("an operation is unknown",))
BREAKING = Change("breaking", "serving_default", "input 'x' is gone")
COMPATIBLE = Change("compatible", "serving_default", "output 'z' is new")


@pytest.mark.parametrize(
    ("outcomes", "must", "why"),
    [
        pytest.param([AGREES], "tensorflow", "", id="agrees"),
        pytest.param([AGREES, DIFFERS], "tensorflow", "onnx: recorded request 0: other", id="another-engine-differs"),
        pytest.param([AGREES, REFUSED], "tensorflow", "", id="another-engine-does-not-load-it"),
        pytest.param([REFUSED], "openvino", "openvino: an operation is unknown", id="the-one-that-must"),
    ],
)
def test_a_version_fails_by_an_answer_or_by_the_engine_that_must_load_it(
    outcomes: list[Outcome], must: str, why: str
) -> None:
    assert failed(outcomes, must) == why


@pytest.mark.parametrize(
    ("changed", "contrast", "why"),
    [
        pytest.param([], None, "", id="nothing"),
        pytest.param([COMPATIBLE], None, "", id="compatible"),
        pytest.param([COMPATIBLE, BREAKING], None, "signature serving_default: input 'x' is gone", id="breaking"),
        pytest.param([], Contrasts(2, (), {"y": Contrast(4, 4, 1.0)}), "", id="other-answers"),
        pytest.param([], Contrasts(2, ("recorded request 0: no",), {}), "recorded request 0: no", id="refused"),
    ],
)
def test_clients_break_by_a_signature_or_a_refusal(changed: list[Change], contrast: Contrasts | None, why: str) -> None:
    assert breaks(changed, contrast) == why


def test_a_difference_is_told_line_by_line() -> None:
    contrast = Contrasts(2, (), {"label": Contrast(4, 1), "y": Contrast(4, 2, 0.25), "z": Contrast(4)})
    assert list(lines([BREAKING], contrast)) == [
        "breaking    serving_default: input 'x' is gone",
        "answers to 2 requests recorded with A",
        "  label                1 of 4 values differ",
        "  y                    2 of 4 values differ, by at most 2.5e-01 of the largest",
        "  z                    the same",
    ]
    assert list(lines([], Contrasts(2, ("recorded request 0: no", "recorded request 1: no"), {})))[2:] == [
        "  2 of them refused, the first: recorded request 0: no"
    ]
    assert list(lines([], Contrasts(0, (), {}))) == [
        "signatures: the same",
        "answers: A carries no recorded request with its answer",
    ]


def test_an_unknown_engine_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="'tpu' is no engine; the engines are litert, onnx"):
        engines_to_ask(tmp_path, "tpu")


@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_a_path_without_a_model_ends_with_1_and_one_line(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run([verb, str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith(f"seaway: {tmp_path} is no model")
    assert main.run([verb, str(tmp_path / "nowhere")]) == 1
    assert "does not exist" in capsys.readouterr().err
