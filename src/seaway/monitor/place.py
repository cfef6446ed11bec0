"""Where a monitor keeps what it sees, unless the user says."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from seaway.errors import FailedPrecondition

VARIABLE = "SEAWAY_MONITOR_DIRECTORY"
STORE_FILE = "monitor.db"


def default_directory() -> Path:
    """Return the directory of SEAWAY_MONITOR_DIRECTORY, or the user's place for what programs keep (XDG)."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    state = os.environ.get("XDG_STATE_HOME", "")
    # The specification says that a relative path is to be ignored.
    base = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return base / "seaway" / "monitor"


def held(directory: Path) -> IO[str]:
    """Take a directory for this monitor, for as long as the file that is returned is open.

    Raises:  FailedPrecondition - another monitor has it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = (directory / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise FailedPrecondition(f"another monitor keeps what it sees in {directory}; name another directory") from None
    return file
