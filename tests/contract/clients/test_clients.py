"""One suite for every client: what the official stubs are answered, this client is answered, however it asks."""

from __future__ import annotations

import pytest

from tests.support.client_kits import KITS, Kit, SeawayClient
from tests.support.conformance import carriers
from tests.support.conformance.cases import EXAMPLES, HTTP_STATUS, PREDICT, Error, Examples, Predict
from tests.support.conformance.check import check
from tests.support.conformance.subject import Subject

pytestmark = pytest.mark.e2e


def check_error(outcome: carriers.Outcome, error: Error, kit_name: str) -> None:
    """REST has fewer codes: what shares a status there counts as the same."""
    expected = error.rest_code or error.code if kit_name.endswith("rest") else error.code
    assert outcome.code, f"this had to fail, and answered {outcome.outputs}"
    if kit_name.endswith("rest"):
        assert HTTP_STATUS[str(outcome.code)] == HTTP_STATUS[expected], outcome.text
    else:
        assert outcome.code == expected, outcome.text


@pytest.mark.parametrize(
    ("kit_name", "case"),
    [
        pytest.param(name, case, id=f"{name}-{case.id}")
        for name in KITS
        for case in PREDICT
        if case.rest or not name.endswith("rest")
    ],
    indirect=["kit_name"],
)
def test_predict(kit: Kit, kit_name: str, subject: Subject, case: Predict) -> None:
    if case.only and case.only != subject.name:
        pytest.skip(f"{case.id}: only {case.only} promises this")
    outcome = kit.predict(case)
    if case.error:
        check_error(outcome, case.error, kit_name)
        return
    check(outcome, case)
    if case.version and not kit_name.endswith("rest"):
        assert outcome.version == case.version


@pytest.mark.parametrize("case", EXAMPLES, ids=lambda case: case.id)
def test_examples(kit: Kit, kit_name: str, case: Examples) -> None:
    outcome = kit.examples(case)
    if case.error:
        check_error(outcome, case.error, kit_name)
        return
    assert outcome.code == "", outcome.text
    assert outcome.outputs == case.results


def test_status(kit: Kit) -> None:
    assert kit.status("two_versions") == {123: "AVAILABLE", 124: "AVAILABLE"}


@pytest.mark.parametrize("kit_name", [name for name in KITS if name != "official-stubs"], indirect=True)
def test_metadata(kit: SeawayClient) -> None:
    assert {name: str(spec) for name, spec in kit.inputs("matmul").items()} == {"x": "float32 (?, 3)"}
