"""The case table over every carrier."""

from __future__ import annotations

import pytest

from tests.support.conformance import carriers
from tests.support.conformance.cases import EXAMPLES, PREDICT, Error, Examples, Predict
from tests.support.conformance.check import check
from tests.support.conformance.subject import REFERENCE, REFERENCE_VARIABLE, Subject

pytestmark = pytest.mark.conformance


def applies(case: Predict, subject: Subject) -> None:
    if case.only and case.only != subject.name:
        pytest.skip(f"{case.id}: only {case.only} promises this")


def check_grpc_error(outcome: carriers.Outcome, error: Error) -> None:
    assert outcome.code == error.code, outcome.text
    assert error.text in outcome.text


def check_rest_error(outcome: carriers.Outcome, error: Error) -> None:
    assert outcome.code == error.http_status, outcome.text
    assert (error.rest_text or error.text) in outcome.text


@pytest.mark.parametrize("case", PREDICT, ids=lambda case: case.id)
def test_predict_over_grpc(subject: Subject, case: Predict) -> None:
    applies(case, subject)
    outcome = carriers.predict_over_grpc(subject.client, case)
    if case.error:
        check_grpc_error(outcome, case.error)
        return
    if case.outputs:
        check(outcome, case)
    if case.version:
        assert outcome.version == case.version


@pytest.mark.parametrize("case", [case for case in PREDICT if case.rest], ids=lambda case: case.id)
def test_predict_over_rest_by_columns(subject: Subject, case: Predict) -> None:
    applies(case, subject)
    outcome = carriers.predict_by_columns(subject.url, case)
    check_rest_error(outcome, case.error) if case.error else check(outcome, case)


@pytest.mark.parametrize("case", [case for case in PREDICT if case.rest and case.rows], ids=lambda case: case.id)
def test_predict_over_rest_by_rows(subject: Subject, case: Predict) -> None:
    applies(case, subject)
    outcome = carriers.predict_by_rows(subject.url, case)
    check_rest_error(outcome, case.error) if case.error else check(outcome, case)


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.id)
def test_examples_over_grpc(subject: Subject, case: Examples) -> None:
    outcome = carriers.examples_over_grpc(subject.client, case)
    if case.error:
        check_grpc_error(outcome, case.error)
        return
    assert outcome.code == "", outcome.text
    assert outcome.outputs == case.results


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.id)
def test_examples_over_rest(subject: Subject, case: Examples) -> None:
    outcome = carriers.examples_over_rest(subject.url, case)
    if case.error:
        check_rest_error(outcome, case.error)
        return
    assert outcome.code == "", outcome.text
    assert outcome.outputs == case.results


def test_the_table_was_compared_with_tensorflow_serving_itself() -> None:
    if not REFERENCE:
        pytest.skip(
            f"the conformance table ran against Seaway only: set {REFERENCE_VARIABLE} to a tensorflow_model_server "
            "program to compare with TensorFlow Serving itself"
        )
    assert REFERENCE
