"""Where containers write on the machine of the state."""

from __future__ import annotations

from pathlib import Path

from seaway.deploy.targets.shared_directories import has_shared_directories, make_shared_directories


def test_logs_get_the_group_of_who_deploys_and_files_are_their_owners_own(tmp_path: Path) -> None:
    assert not has_shared_directories(tmp_path)
    make_shared_directories(tmp_path)
    assert has_shared_directories(tmp_path)
    assert (tmp_path / "request-logs").stat().st_mode & 0o7777 == 0o3777
    assert (tmp_path / "reports").stat().st_mode & 0o7777 == 0o1777
