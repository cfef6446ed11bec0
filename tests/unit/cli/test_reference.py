"""Pages that are written, found current, and found old."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.cli import reference


@pytest.fixture(autouse=True)
def two_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "pages", lambda: {"a.md": "A\n", "b.md": "B\n"})


def test_pages_that_were_just_written_are_current(tmp_path: Path) -> None:
    assert reference.main([str(tmp_path / "docs")]) == 0
    assert (tmp_path / "docs" / "a.md").read_text() == "A\n"
    assert reference.main(["--check", str(tmp_path / "docs")]) == 0


def test_a_page_that_was_edited_or_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.md").write_text("edited\n")
    assert reference.main(["--check", str(tmp_path)]) == 1
    assert [line.partition(" is not")[0] for line in capsys.readouterr().err.splitlines()] == [
        str(tmp_path / "a.md"),
        str(tmp_path / "b.md"),
    ]
    assert (tmp_path / "a.md").read_text() == "edited\n"


def test_a_table_of_metrics_has_one_row_per_metric() -> None:
    metric = {"name": "seaway_x_total", "kind": "counter", "unit": "", "labels": ["model", "code"], "help": "Counts x."}
    assert "| `seaway_x_total` | counter |  | model, code | Counts x. |" in reference.metrics_page([metric])
