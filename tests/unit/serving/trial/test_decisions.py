"""What is remembered of earlier trials, and when it no longer holds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seaway.engines.engine import EngineOptions
from seaway.serving.instance import LoadOptions
from seaway.serving.trial.decisions import Decisions, key, processor
from seaway.serving.trial.outcome import Decision, Figures, Tried
from seaway.settings.batching_parameters import OFF

OPTIONS = LoadOptions("tensorflow", EngineOptions(), "", ("serve",), b"", (), 2, 1 << 20, 10, 60.0, 5.0, 1)
DECISION = Decision(
    "onnx",
    "tensorflow",
    "onnx is faster",
    (Tried("onnx", "faster", "it is", 12, 3, 1e-6, ("a note",), Figures(2.0, 1.0), Figures(1.0, 2.0)),),
    5.0,
)


def test_a_decision_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    decisions = Decisions(str(tmp_path))
    assert decisions.find("k") is None
    decisions.keep("k", DECISION)
    assert Decisions(str(tmp_path)).find("k") == DECISION


def test_a_broken_file_is_no_decision(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    decisions = Decisions(str(tmp_path))
    decisions.keep("k", DECISION)
    (tmp_path / "trials" / "k.json").write_text("{")
    assert decisions.find("k") is None
    assert "made anew" in caplog.text


def test_a_directory_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    Decisions(str(tmp_path / "file")).keep("k", DECISION)
    assert "cannot be kept" in caplog.text


def test_the_key_changes_with_all_that_a_decision_depends_on(tmp_path: Path) -> None:
    version = tmp_path / "1"
    version.mkdir()
    (version / "saved_model.pb").write_bytes(b"graph")
    before = key(version, OPTIONS, OFF)
    assert key(version, OPTIONS, OFF) == before
    assert key(version, replace(OPTIONS, concurrency=3), OFF) != before
    assert key(version, OPTIONS, {**OFF, "max_batch_size": 99}) != before
    (version / "saved_model.pb").write_bytes(b"other")
    assert key(version, OPTIONS, OFF) != before


def test_the_processor_is_told_apart_by_its_name_and_flags(tmp_path: Path) -> None:
    one = "processor\t: 0\nmodel name\t: Example 1\ncpu MHz\t: 2000\nflags\t: fpu avx2\n"
    (tmp_path / "cpuinfo").write_text(one + one)
    found = processor(tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(one.replace("2000", "3000"))
    assert processor(tmp_path / "cpuinfo") == found
    (tmp_path / "cpuinfo").write_text(one.replace("avx2", "avx512f"))
    assert processor(tmp_path / "cpuinfo") != found
    assert processor(tmp_path / "nothing")
