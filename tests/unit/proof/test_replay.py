"""Recorded answers must come out again: which records count, and what is said of a difference."""

from __future__ import annotations

import numpy as np
import pytest

from seaway.errors import DataLoss, FailedPrecondition, InvalidArgument
from seaway.proof.agreement import Tolerance
from seaway.proof.replay import check_complete, recorded_answers, replay
from tests.support.recorded_examples import answering, doubled, passport, record


def test_records_without_an_answer_and_of_other_calls_do_not_count() -> None:
    found = recorded_answers([record(np.float32([1]), None), b"", *doubled(1.0)])
    assert [each.index for each in found] == [2]


def test_what_is_no_record_is_refused_by_its_number() -> None:
    with pytest.raises(DataLoss, match="record 1 of"):
        recorded_answers([*doubled(1.0), b"\xff\xff\xff"])


def test_the_same_answers_agree() -> None:
    found = replay(recorded_answers(doubled(1.0, 2.0)), answering(2.0))
    assert (found.compared, found.largest, found.differences) == (2, 0.0, ())


def test_every_other_answer_is_named_with_its_values() -> None:
    found = replay(recorded_answers(doubled(1.0, 0.0, 4.0)), answering(2.5))
    assert found.differences == (
        "recorded request 0: output 'y': 1 of 1 values differ, for instance 2.5 instead of 2.0",
        "recorded request 2: output 'y': 1 of 1 values differ, for instance 10.0 instead of 8.0",
    )
    assert found.largest == pytest.approx(0.25)


def test_the_tolerance_is_the_one_given() -> None:
    recorded = recorded_answers(doubled(1.0))
    assert not replay(recorded, answering(2.5), {"float32": Tolerance(0.3, 0.0)}).differences
    assert replay(recorded, answering(2.0001), {}).differences


def test_a_refusal_is_a_difference_and_the_others_are_asked_still() -> None:
    calls = []

    def ask(request: bytes) -> bytes:
        calls.append(request)
        if len(calls) == 1:
            raise InvalidArgument("no such input")
        return bytes(answering(2.0)(request))

    found = replay(recorded_answers(doubled(1.0, 2.0)), ask)
    assert found.differences == ("recorded request 0: no such input",)
    assert found.compared == len(calls) == 2


def test_an_output_that_is_gone_is_a_difference() -> None:
    assert replay(recorded_answers(doubled(1.0)), lambda _: b"").differences == (
        "recorded request 0: output 'y' is missing",
    )


def test_fewer_answers_than_were_exported_are_refused() -> None:
    recorded = recorded_answers(doubled(1.0))
    check_complete(None, recorded)
    check_complete(passport(1), recorded)
    check_complete(passport(0), [])
    with pytest.raises(FailedPrecondition, match="holds 1 of the 2 recorded answers"):
        check_complete(passport(2), recorded)
