"""Which records become examples with expected answers."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from seaway.errors import FailedPrecondition
from seaway.request_log.entry import Entry, record_of
from seaway.request_log.examples import example_records
from tests.support.request_log_files import EXAMPLES, asked


def placed(*entries: Entry) -> Iterable[tuple[str, bytes]]:
    return ((f"record {index}", record_of(entry)) for index, entry in enumerate(entries))


def test_each_request_is_taken_once_with_its_answer_and_signatures_in_turn() -> None:
    first, second, other = asked(1.0), asked(2.0), asked(1.0, signature="other")
    found = example_records(placed(first, first, second, other, *EXAMPLES, asked(5.0, answer=False)), 3, 10)
    assert found == [record_of(first), record_of(other), record_of(second)]
    assert example_records(placed(first, second, other), 3, 2) == [record_of(first), record_of(other)]


def test_only_answers_of_the_version_are_expected_of_it() -> None:
    old, new = asked(1.0, version=2), asked(1.0, version=3)
    assert example_records(placed(old, new), 3, 10) == [record_of(new)]
    assert example_records(placed(old), None, 10) == [record_of(old)]
    with pytest.raises(FailedPrecondition, match=r"answers of version 2, not of 4; --version chooses"):
        example_records(placed(old), 4, 10)


def test_a_log_without_answers_is_refused() -> None:
    with pytest.raises(FailedPrecondition, match="no Predict request with its answer"):
        example_records(placed(asked(1.0, answer=False)), 3, 10)
