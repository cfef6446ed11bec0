"""Which versions are bound to their recorded answers, and what becomes of one that answers otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seaway.errors import DataLoss, FailedPrecondition, SeawayError
from seaway.proof.passport import PASSPORT_FILE
from seaway.proof.warmup import WARMUP_FILE
from seaway.serving.proving import prove
from seaway.settings.models import Proof
from tests.support.recorded_examples import answering, doubled, record, version

RIGHT, WRONG = answering(2.0), answering(3.0)


def test_a_warm_up_file_by_itself_is_never_compared(tmp_path: Path) -> None:
    path = version(tmp_path, doubled(1.0))
    assert prove("require", WRONG, path, is_stand_in=False) == ""


def test_an_exported_version_that_answers_as_recorded_says_so(tmp_path: Path) -> None:
    path = version(tmp_path, doubled(1.0, 2.0), promised=2)
    assert prove("require", RIGHT, path, is_stand_in=False) == "2 recorded answers came out the same"


@pytest.mark.parametrize(
    ("proof", "outcome"),
    [
        pytest.param("require", "refused", id="require-keeps-it-out"),
        pytest.param("warn", "not proven: it answers otherwise than recorded: recorded request 0", id="warn-serves-it"),
        pytest.param("off", "", id="off-does-not-look"),
    ],
)
def test_the_setting_says_what_becomes_of_a_version_that_answers_otherwise(
    tmp_path: Path, proof: Proof, outcome: str
) -> None:
    path = version(tmp_path, doubled(1.0, 2.0), promised=2)
    if outcome == "refused":
        with pytest.raises(FailedPrecondition, match=r"instead of 2.0 \(and 1 more\)"):
            prove(proof, WRONG, path, is_stand_in=False)
    else:
        assert prove(proof, WRONG, path, is_stand_in=False).startswith(outcome)


def test_records_that_were_taken_out_keep_the_version_out(tmp_path: Path) -> None:
    path = version(tmp_path, doubled(1.0), promised=2)
    with pytest.raises(FailedPrecondition, match="1 of the 2 recorded answers"):
        prove("require", RIGHT, path, is_stand_in=False)
    (path / WARMUP_FILE).unlink()
    with pytest.raises(FailedPrecondition, match="0 of the 2 recorded answers"):
        prove("require", RIGHT, path, is_stand_in=False)


def test_a_damaged_proof_is_a_reason_too(tmp_path: Path) -> None:
    path = version(tmp_path, doubled(1.0), promised=1)
    (path / PASSPORT_FILE).write_bytes(b"{")
    with pytest.raises(DataLoss):
        prove("require", RIGHT, path, is_stand_in=False)
    assert "cannot be read" in prove("warn", RIGHT, path, is_stand_in=False)
    version(path, [b"\xff\xff\xff"], promised=1)
    with pytest.raises(SeawayError, match="no PredictionLog"):
        prove("require", RIGHT, path, is_stand_in=False)


def test_a_stand_in_is_bound_to_what_was_recorded_even_without_an_export(tmp_path: Path) -> None:
    path = version(tmp_path, doubled(1.0))
    assert "1 recorded answers came out the same, nothing else" in prove("require", RIGHT, path, is_stand_in=True)
    with pytest.raises(FailedPrecondition):
        prove("require", WRONG, path, is_stand_in=True)
    version(path, [record(np.float32([1]), None)])
    assert prove("require", WRONG, path, is_stand_in=True).startswith("not proven: TensorFlow is not installed")
