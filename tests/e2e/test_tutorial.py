"""The tutorial is followed as it stands, in an empty directory and with a loopback of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.artifacts import ARTIFACTS
from tests.support.walkthrough import Walk

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def alone() -> Iterator[tuple[str, ...]]:
    """How a command begins that has the ports of the tutorial for itself: a network namespace with a loopback only."""
    command = ["unshare", "--net", "--map-root-user", "sh", "-c", "ip link set lo up && echo up && exec sleep 3600"]
    try:
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except FileNotFoundError:
        pytest.skip("no `unshare` (Debian: util-linux)")
    assert holder.stdout is not None
    try:
        if holder.stdout.readline() != "up\n":
            pytest.skip("no network namespace can be made here (needs `ip` of iproute2, and root or user namespaces)")
        yield ("nsenter", f"--target={holder.pid}", "--net", "--user", "--preserve-credentials")
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_the_tutorial_can_be_followed(tmp_path: Path, alone: tuple[str, ...]) -> None:
    begun = time.monotonic()
    walk = Walk(tmp_path, environment(tmp_path), within=alone)
    try:
        for step in walk.follow((ROOT / "docs" / "tutorial.md").read_text()):
            print(f"{time.monotonic() - begun:6.1f} s  {step}", flush=True)
    except BaseException:
        keep_logs(tmp_path)
        raise
    finally:
        walk.close()
        if (tmp_path / "seaway.yaml").exists():
            destroy = [*alone, "seaway", "destroy", "--yes"]
            subprocess.run(destroy, cwd=tmp_path, env=environment(tmp_path), check=False, capture_output=True)
    assert sorted(each.name for each in (tmp_path / "models" / "digits").iterdir()) == ["1", "2"]


def environment(home: Path) -> dict[str, str]:
    """That of somebody who has typed what the tutorial asks for first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEAWAY_", "TF_"))}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": programs, "HOME": str(home), "TF_CPP_MIN_LOG_LEVEL": "3"}


def keep_logs(directory: Path) -> None:
    """Keep what the tutorial's terminals said."""
    kept = ARTIFACTS / "tutorial"
    kept.mkdir(parents=True, exist_ok=True)
    for log in (*directory.glob(".*.log"), *directory.glob("*.log")):
        (kept / log.name.lstrip(".")).write_bytes(log.read_bytes())
