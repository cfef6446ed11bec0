"""Has another process load what was written and compare: `seaway verify`, the command that anybody can run later.

What this process has in memory can then not stand in for something that is missing from the files.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from seaway.errors import FailedPrecondition

_LIMIT_S = 900.0
_SHOWN_CHARACTERS = 800


@dataclass(frozen=True, slots=True)
class Verified:
    """What the other process found."""

    compared: int
    largest: float
    """Largest difference, relative to the largest value of its output."""


def verified(directory: Path, engine: str) -> Verified:
    """Return how the files answered on their engine.

    Raises:  FailedPrecondition - they answer otherwise than the model, or not at all; says how and where.
    """
    command = [sys.executable, "-m", "seaway", "verify", str(directory), "--engine", engine, "--json"]
    # A GPU is this process's, which has just trained on it.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_LIMIT_S,
            check=False,
            env=environment,
        )
    except subprocess.TimeoutExpired as err:
        raise FailedPrecondition(f"the exported files did not answer within {_LIMIT_S:g} s on {engine}") from err
    outcome = _outcome(done.stdout)
    if outcome is None or done.returncode:
        raise FailedPrecondition(f"the exported files do not answer as the model: {_why(outcome, done.stderr)}")
    return Verified(int(str(outcome["compared"])), float(str(outcome["largest"])))


def _outcome(printed: str) -> dict[str, object] | None:
    try:
        found: dict[str, object] = json.loads(printed)["engines"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return found


def _why(outcome: dict[str, object] | None, words: str) -> str:
    why = outcome.get("why") if outcome else None
    if isinstance(why, list) and why:
        return f"{why[0]} (on {outcome['engine'] if outcome else '?'})"
    return words.strip()[-_SHOWN_CHARACTERS:]
