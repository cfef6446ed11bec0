"""What breaks clients, and what does not."""

from __future__ import annotations

import pytest

from seaway.engines.signatures import Signature, TensorSpec
from seaway.export.difference import changes

F32, F64 = 1, 2


def spec(*shape: int, dtype: int = F32) -> TensorSpec:
    return TensorSpec(dtype, shape)


def signature(inputs: dict[str, TensorSpec], outputs: dict[str, TensorSpec]) -> dict[str, Signature]:
    return {"serving_default": Signature(inputs, outputs)}


BEFORE = signature({"x": spec(-1, 4)}, {"y": spec(-1, 2)})
ANY = TensorSpec(F32, None)


def test_the_same_signature_changes_nothing() -> None:
    assert changes(BEFORE, BEFORE) == []


@pytest.mark.parametrize(
    ("after", "weight", "what"),
    [
        pytest.param({}, "breaking", "the signature is gone", id="signature-gone"),
        pytest.param(
            signature({"z": spec(-1, 4)}, {"y": spec(-1, 2)}),
            "breaking",
            "input 'x' is gone; 'z' looks like its new name",
            id="input-renamed",
        ),
        pytest.param(
            signature({"x": spec(-1, 4, dtype=F64)}, {"y": spec(-1, 2)}),
            "breaking",
            "input 'x': float32 [?,4] becomes float64 [?,4]",
            id="input-type",
        ),
        pytest.param(
            signature({"x": spec(8, 4)}, {"y": spec(-1, 2)}),
            "breaking",
            "input 'x': float32 [?,4] becomes float32 [8,4]",
            id="input-narrower",
        ),
        pytest.param(
            signature({"x": spec(-1, -1)}, {"y": spec(-1, 2)}),
            "compatible",
            "input 'x': float32 [?,4] becomes float32 [?,?]",
            id="input-wider",
        ),
        pytest.param(
            signature({"x": ANY}, {"y": spec(-1, 2)}),
            "compatible",
            "input 'x': float32 [?,4] becomes float32 of any shape",
            id="input-any-shape",
        ),
        pytest.param(
            signature({"x": spec(-1, 4)}, {"y": spec(-1, -1)}),
            "breaking",
            "output 'y': float32 [?,2] becomes float32 [?,?]",
            id="output-wider",
        ),
        pytest.param(
            signature({"x": spec(-1, 4)}, {"y": spec(1, 2)}),
            "compatible",
            "output 'y': float32 [?,2] becomes float32 [1,2]",
            id="output-narrower",
        ),
        pytest.param(
            signature({"x": spec(-1, 4)}, {"q": spec(-1, 2)}),
            "breaking",
            "output 'y' is gone; 'q' looks like its new name",
            id="output-renamed",
        ),
    ],
)
def test_a_change_is_weighed_by_what_clients_notice(after: dict[str, Signature], weight: str, what: str) -> None:
    first = changes(BEFORE, after)[0]
    assert (first.weight, first.what) == (weight, what)


def test_a_new_input_breaks_and_a_new_signature_does_not() -> None:
    after = BEFORE | {"other": Signature({}, {})}
    assert [(each.weight, each.what) for each in changes(BEFORE, after)] == [("compatible", "the signature is new")]
    more = signature({"x": spec(-1, 4), "mask": spec(-1, 4)}, {"y": spec(-1, 2)})
    assert [each.weight for each in changes(BEFORE, more)] == ["breaking"]


def test_a_further_output_breaks_only_where_there_was_a_single_one() -> None:
    two = signature({"x": spec(-1, 4)}, {"y": spec(-1, 2), "z": spec(-1)})
    three = signature({"x": spec(-1, 4)}, {"y": spec(-1, 2), "z": spec(-1), "a": spec(-1)})
    assert [each.weight for each in changes(BEFORE, two)] == ["breaking"]
    assert [each.weight for each in changes(two, three)] == ["compatible"]
