"""What the numbers were measured on: without it they mean nothing."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import psutil

from tests.models.cache import tensorflow_version

CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where, when and on what a measurement ran."""

    time: str
    command: str
    commit: str
    processor: str
    usable_cores: int
    memory_bytes: int
    kernel: str
    python: str
    tensorflow: str
    load_before: float  # runnable processes during the minute before: others that were busy

    def line(self) -> str:
        """One line for people."""
        return (
            f"{self.processor}, {self.usable_cores} cores, {self.memory_bytes / 2**30:.1f} GiB, Linux {self.kernel}, "
            f"TensorFlow {self.tensorflow}, commit {self.commit}; load before: {self.load_before:.2f}"
        )


def this_machine() -> Machine:
    """Describe this machine now."""
    return Machine(
        time=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        command=" ".join(["python", *sys.argv]),
        commit=_commit(),
        processor=_processor(),
        usable_cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        kernel=platform.release(),
        python=platform.python_version(),
        tensorflow=tensorflow_version(),
        load_before=os.getloadavg()[0],
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
