"""A version appears whole, under a number of its own, or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from seaway.errors import FailedPrecondition
from seaway.export.local_store import LocalStore
from seaway.repository.sources.base_path import read_layout


def published(store: LocalStore, content: str = "graph") -> int:
    with store.begin() as draft:
        (draft / "saved_model.pb").write_text(content)
        return store.publish(draft).version


def test_a_version_takes_the_number_after_the_highest(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "models" / "m")
    assert store.versions() == ()
    assert [published(store), published(store)] == [1, 2]
    (tmp_path / "models" / "m" / "0040").mkdir()
    (tmp_path / "models" / "m" / "notes").mkdir()
    assert published(store) == 41
    assert store.versions() == (1, 2, 40, 41)


def test_a_draft_is_no_version_for_a_server(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with store.begin() as draft:
        (draft / "saved_model.pb").write_text("graph")
        assert draft.parent == tmp_path
        assert read_layout("m", str(tmp_path)).versions == {}
        store.publish(draft)
    assert read_layout("m", str(tmp_path)).versions == {1: tmp_path / "1"}


def test_what_was_not_published_is_gone_even_after_an_interrupt(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    with pytest.raises(KeyboardInterrupt), store.begin() as draft:
        (draft / "saved_model.pb").write_text("half")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_savers_at_the_same_time_get_different_numbers_and_whole_versions(tmp_path: Path) -> None:
    together = threading.Barrier(8, timeout=20)
    taken: list[int] = []

    def save(name: str) -> None:
        store = LocalStore(tmp_path)
        with store.begin() as draft:
            (draft / "saved_model.pb").write_text(name)
            together.wait()
            taken.append(store.publish(draft).version)

    threads = [threading.Thread(target=save, args=(f"content {number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(1, 9))
    contents = {(tmp_path / str(number) / "saved_model.pb").read_text() for number in taken}
    assert contents == {f"content {number}" for number in range(8)}


def test_a_draft_that_a_killed_process_left_is_removed_and_one_at_work_is_not(tmp_path: Path) -> None:
    left, busy = tmp_path / ".seaway-export-left", tmp_path / ".seaway-export-busy"
    for draft in (left, busy):
        draft.mkdir()
        (draft / "saved_model.pb").write_text("half")
    lock = os.open(busy, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        published(LocalStore(tmp_path))
    finally:
        os.close(lock)
    assert sorted(os.listdir(tmp_path)) == [".seaway-export-busy", "1"]


def test_others_may_read_a_version_as_far_as_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        published(LocalStore(tmp_path))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "1").stat().st_mode) == 0o755


def test_a_directory_that_is_itself_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_text("graph")
    with pytest.raises(FailedPrecondition, match=r"holds saved_model\.pb itself"), LocalStore(tmp_path).begin():
        pass


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "m").write_text("")
    with pytest.raises(FailedPrecondition, match="is a file"), LocalStore(tmp_path / "m").begin():
        pass
