"""The stub of the compiled module says what the module has: the only seam between the two languages is checked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_the_stub_and_the_compiled_module_agree() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "seaway._core"],
        cwd=CHECKOUT,
        env={**os.environ, "MYPYPATH": str(CHECKOUT / "src")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
