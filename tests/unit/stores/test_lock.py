"""Locks on files, between holders that know nothing of each other."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from seaway.stores.lock import try_lock


def test_any_number_share_and_one_excludes_all(tmp_path: Path) -> None:
    path = tmp_path / "entry" / "lock"
    first, second = try_lock(path, exclusive=False), try_lock(path, exclusive=False)
    assert first is not None
    assert second is not None
    assert try_lock(path, exclusive=True) is None
    first.release()
    second.release()
    alone = try_lock(path, exclusive=True)
    assert alone is not None
    assert try_lock(path, exclusive=False) is None
    alone.release()


def test_a_lock_ends_with_the_process_that_held_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys, pathlib; from seaway.stores.lock import try_lock; "
        "lock = try_lock(pathlib.Path(sys.argv[1]), exclusive=True); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert try_lock(path, exclusive=False) is None
        holder.kill()
    lock = try_lock(path, exclusive=True)
    assert lock is not None
    lock.release()


def test_no_lock_is_had_on_what_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "entry" / "lock"
    assert try_lock(path, exclusive=False, create=False) is None
    held = try_lock(path, exclusive=True)
    assert held is not None
    shutil.rmtree(path.parent)
    fresh = try_lock(path, exclusive=True)
    assert fresh is not None, "the old holder has a file that is not there any more"
    fresh.release()
    held.release()


def test_a_lock_tells_what_its_file_says(tmp_path: Path) -> None:
    lock = try_lock(tmp_path / "lock", exclusive=True)
    assert lock is not None
    lock.write("a longer text")
    lock.write("short")
    assert lock.read() == "short"
    lock.release()
    lock.release()
