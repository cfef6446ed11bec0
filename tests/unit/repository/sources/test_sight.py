"""What a version directory looks like from outside."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest

from seaway.repository.sources.sight import look_at
from seaway.stores.layout import missing_parts

SHARD = "variables/variables.data-00000-of-00002"


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        pytest.param(["saved_model.pb"], (), id="a-graph-without-variables"),
        pytest.param(["saved_model.pbtxt"], (), id="text"),
        pytest.param(["model.tflite"], (), id="tflite"),
        pytest.param(["model.onnx"], (), id="onnx"),
        pytest.param(["model.py", "pipeline.joblib"], (), id="python-class"),
        pytest.param(
            ["assets/vocabulary.txt"],
            ("one of saved_model.pb, saved_model.pbtxt, saved_model.cpb, model.tflite, model.onnx, model.py",),
            id="no-model-file",
        ),
        pytest.param(
            ["saved_model.pb", "variables/variables.index"],
            ("variables/variables.data-?????-of-?????",),
            id="an-index-without-data",
        ),
        pytest.param(
            ["saved_model.pb", "variables/variables.index", SHARD],
            ("variables/variables.data-00001-of-00002",),
            id="one-of-two-shards",
        ),
        pytest.param(["saved_model.pb", SHARD.replace("2", "1")], ("variables/variables.index",), id="no-index"),
        pytest.param(
            ["saved_model.pb", "variables/variables.index", SHARD, SHARD.replace("00000", "00001")],
            (),
            id="all-shards",
        ),
    ],
)
def test_missing_parts_are_named(files: list[str], missing: tuple[str, ...]) -> None:
    assert missing_parts(dict.fromkeys(files, 1)) == missing


def test_sight_is_equal_until_something_is_written(tmp_path: Path) -> None:
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / SHARD).write_bytes(b"12345678")

    before = look_at(tmp_path)
    assert look_at(tmp_path) == before
    assert before.size_bytes == 13

    with (tmp_path / SHARD).open("ab") as shard:
        shard.write(b"9")
    grown = look_at(tmp_path)
    os.utime(tmp_path / SHARD, (1, 1))

    assert len({before.fingerprint, grown.fingerprint, look_at(tmp_path).fingerprint}) == 3


def test_copying_with_preserved_times_is_still_fresh(tmp_path: Path) -> None:
    file = tmp_path / "saved_model.pb"
    file.write_bytes(b"x")
    written_s = file.stat().st_ctime
    for path in (file, tmp_path):
        os.utime(path, (1, 1))

    assert look_at(tmp_path).newest_s >= written_s


def test_directory_that_vanished_is_as_fresh_as_can_be(tmp_path: Path) -> None:
    sight = look_at(tmp_path / "gone")

    assert sight.newest_s == math.inf
    assert sight.missing
