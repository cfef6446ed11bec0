"""How many values another version answers otherwise."""

from __future__ import annotations

import numpy as np

from seaway.errors import InvalidArgument
from seaway.export.answers import Contrast, contrast, contrasts
from seaway.proof.replay import recorded_answers
from seaway.protos import message
from seaway.protos.tensors import put_array
from tests.support.recorded_examples import answering, doubled


def tensor(*values: object, dtype: str = "float32") -> object:
    put_array(proto := message("tensorflow.TensorProto")(), np.array(values, dtype))
    return proto


def test_values_within_the_tolerance_are_the_same() -> None:
    found = contrasts(recorded_answers(doubled(1.0, 2.0)), answering(2.0000001))
    assert (found.requests, found.refused, found.outputs["y"].changed) == (2, (), 0)


def test_changed_values_are_counted_over_all_requests() -> None:
    found = contrasts(recorded_answers(doubled(1.0, 0.0, 3.0)), answering(2.2))
    assert found.outputs["y"].values == 3
    assert found.outputs["y"].changed == 2
    assert abs(found.outputs["y"].largest - 0.1) < 1e-5


def test_words_and_numbers_are_counted_one_by_one() -> None:
    assert contrast(tensor("a", "b", dtype="object"), tensor("a", "c", dtype="object")) == Contrast(2, 1)
    assert contrast(tensor(1, 2, dtype="int64"), tensor(1, 3, dtype="int64")) == Contrast(2, 1)


def test_another_shape_or_type_changes_everything() -> None:
    assert contrast(tensor(1.0, 2.0), tensor(1.0)) == Contrast(2, 2)
    assert contrast(tensor(1.0), tensor(1.0, dtype="float64")) == Contrast(1, 1)


def test_what_is_refused_is_told_and_compares_nothing() -> None:
    def refuse(_: bytes) -> bytes:
        raise InvalidArgument("must be double")

    found = contrasts(recorded_answers(doubled(1.0)), refuse)
    assert found.refused == ("recorded request 0: must be double",)
    assert found.outputs == {}
