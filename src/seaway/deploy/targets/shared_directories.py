"""The directories of the state in which containers write: those of reports, and those of logs of requests.

Servers run as a user that this machine does not know: as in /tmp, each may touch its own files only. Logs get the group
of their directory, so that who deploys can read them; nobody else can.
"""

from __future__ import annotations

from pathlib import Path

from seaway.fleet.published import LOG_DIRECTORY
from seaway.fleet.report import DIRECTORY

_MODES = {DIRECTORY: 0o1777, LOG_DIRECTORY: 0o3777}


def make_shared_directories(state: Path) -> None:
    """Make them."""
    for name, mode in _MODES.items():
        (state / name).mkdir(parents=True, exist_ok=True)
        (state / name).chmod(mode)


def has_shared_directories(state: Path) -> bool:
    """Tell whether they are there."""
    return all((state / name).is_dir() for name in _MODES)
