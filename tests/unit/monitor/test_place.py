"""Where a monitor keeps what it sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.errors import FailedPrecondition
from seaway.monitor.place import default_directory, held


@pytest.mark.parametrize(
    ("named", "state", "expected"),
    [
        ("/data/m", "/state", Path("/data/m")),
        ("~/m", "", Path("/home/ann/m")),
        ("", "/state", Path("/state/seaway/monitor")),
        ("", "", Path("/home/ann/.local/state/seaway/monitor")),
        ("", "relative", Path("/home/ann/.local/state/seaway/monitor")),
    ],
)
def test_the_default_directory(monkeypatch: pytest.MonkeyPatch, named: str, state: str, expected: Path) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    monkeypatch.setenv("SEAWAY_MONITOR_DIRECTORY", named)
    monkeypatch.setenv("XDG_STATE_HOME", state)
    assert default_directory() == expected


def test_a_directory_is_one_monitors_at_a_time(tmp_path: Path) -> None:
    own = held(tmp_path / "monitor")
    with pytest.raises(FailedPrecondition, match="another monitor keeps what it sees"):
        held(tmp_path / "monitor")
    own.close()
    held(tmp_path / "monitor").close()
