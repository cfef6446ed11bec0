"""Wheels by this machine's pip, with its own index and proxies; it compiles nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def download(requirements: Sequence[str], directory: Path, options: Sequence[str]) -> str:
    """Put the wheels of all requirements into a directory; return what pip complains of, empty when it has them."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--dest", str(directory), *options]
    ran = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    return ran.stderr.strip() or f"it ended with {ran.returncode}" if ran.returncode else ""
