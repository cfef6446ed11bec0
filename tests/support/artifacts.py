"""Where tests leave what is worth reading after a failure, and how a fixture knows that its test failed."""

from __future__ import annotations

from pathlib import Path

import pytest

ARTIFACTS = Path(__file__).parents[2] / "artifacts"
FAILED = pytest.StashKey[bool]()


def emptied(name: str) -> Path:
    """The directory of that name among the artifacts, without the files of an earlier run."""
    directory = ARTIFACTS / name
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("**/*"):
        if old.is_file():
            old.unlink()
    return directory
