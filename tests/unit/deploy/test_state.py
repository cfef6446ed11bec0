"""The directory of a deployment's state."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.deploy.state import StateDirectory
from seaway.errors import AlreadyExists, FailedPrecondition


def test_documents_are_written_read_and_removed(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "a" / "b")
    assert state.read("history.json") is None
    state.write("history.json", b"1")
    state.write("history.json", b"2")
    assert state.read("history.json") == b"2"
    assert [file.name for file in state.directory.iterdir()] == ["history.json"], "nothing half-written is left"
    assert (state.directory / "history.json").stat().st_mode & 0o777 == 0o644
    state.remove("history.json")
    state.remove("history.json")
    assert state.read("history.json") is None


def test_a_document_is_created_once(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.create("lock.json", b"ann")
    with pytest.raises(AlreadyExists):
        state.create("lock.json", b"bob")
    assert state.read("lock.json") == b"ann"
    assert len(list(tmp_path.iterdir())) == 1


def test_clearing_leaves_what_is_not_ours(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path / "store" / ".seaway" / "digits")
    state.write("history.json", b"1")
    state.write("rollout-mnist.json", b"1")
    (state.directory / "reports").mkdir()
    (state.directory / "reports" / "digits-1.json").write_bytes(b"1")
    own = state.directory / "notes.txt"
    own.write_text("mine")
    state.clear()
    assert list(state.directory.iterdir()) == [own]
    own.unlink()
    state.clear()
    assert list((tmp_path / "store").iterdir()) == []
    assert (tmp_path / "store").is_dir()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedPrecondition, match=r"state of the deployment cannot be written: .*file"):
        StateDirectory(tmp_path / "file").write("history.json", b"")
