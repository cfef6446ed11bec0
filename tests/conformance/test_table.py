"""The case table over every carrier."""

from __future__ import annotations

import pytest

from tests.support.conformance import carriers
from tests.support.conformance.cases import EXAMPLES, PREDICT, Error, Examples, Predict
from tests.support.conformance.check import check
from tests.support.conformance.subject import REFERENCE, REFERENCE_NAME, REFERENCE_VARIABLE, Subject
from tests.support.server import http

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


@pytest.mark.skipif(
    not REFERENCE,
    reason=f"the conformance table ran against Seaway only: set {REFERENCE_VARIABLE} to a tensorflow_model_server "
    "program to compare with TensorFlow Serving itself",
)
@pytest.mark.parametrize("subject", [REFERENCE_NAME], indirect=True)
def test_the_table_was_compared_with_tensorflow_serving_itself(subject: Subject) -> None:
    assert subject.name == REFERENCE_NAME
    # Seaway has a program of that name too, and would agree with itself: only Seaway answers whether it lives.
    assert http(f"{subject.url}/livez").status != 200
    assert subject.client.arrays("half_plus_two", x=[[2.0]])["y"].tolist() == [[3.0]]
    assert http(f"{subject.url}/v1/models/half_plus_two:predict", {"instances": [[2.0]]}).json["predictions"] == [[3.0]]
