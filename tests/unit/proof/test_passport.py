"""`seaway.json`: what is written comes back, and what is not of its form is refused by name."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from seaway.errors import DataLoss
from seaway.proof.agreement import TOLERANCES
from seaway.proof.passport import PASSPORT_FILE, Feature, Statistics, read_passport, write_passport
from tests.support.recorded_examples import passport


def test_a_passport_comes_back_as_it_was_written(tmp_path: Path) -> None:
    statistics = Statistics(
        3, {"age": Feature(3, 0, 2.0, 1.0, 1.0, 3.0, {"0.5": 2.0}), "city": Feature(2, 1, categories={"a": 2})}
    )
    written = msgspec.structs.replace(passport(4), statistics=statistics)
    write_passport(tmp_path, written)
    assert read_passport(tmp_path) == written
    assert written.tolerances == TOLERANCES


def test_a_version_without_the_file_has_no_passport(tmp_path: Path) -> None:
    assert read_passport(tmp_path) is None
    assert read_passport(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        pytest.param(b"{", "cannot be read", id="no-json"),
        pytest.param(b'{"format": 1}', "missing required field", id="a-field-is-missing"),
        pytest.param(b"\xff\xfe", "cannot be read", id="no-text"),
        pytest.param(b'{"format":2,"model":"","made_at":"","made_with":{}}', "format 2; this", id="newer"),
    ],
)
def test_what_is_no_passport_is_refused_with_the_file(tmp_path: Path, content: bytes, why: str) -> None:
    (tmp_path / PASSPORT_FILE).parent.mkdir()
    (tmp_path / PASSPORT_FILE).write_bytes(content)
    with pytest.raises(DataLoss, match=why) as caught:
        read_passport(tmp_path)
    assert str(tmp_path) in caught.value.message
