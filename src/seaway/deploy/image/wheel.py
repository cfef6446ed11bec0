"""Seaway's own wheel for an image: built from the checkout that this runs in, or fetched as released."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import seaway
from seaway.deploy.image.download import download
from seaway.deploy.target import Tell
from seaway.errors import FailedPrecondition, Unavailable


def own_wheel(directory: Path, tell: Tell) -> Path:
    """Return a wheel of this version of Seaway, made in a directory.

    Raises:  FailedPrecondition, Unavailable - it can be neither built nor fetched, and how to go on.
    """
    checkout = Path(seaway.__file__).parents[2]
    if (checkout / "Cargo.toml").exists():
        return _built(checkout, directory, tell)
    tell(f"fetching seaway {seaway.__version__}")
    complaint = download([f"seaway=={seaway.__version__}"], directory, ["--no-deps"])
    if complaint:
        raise Unavailable(
            f"seaway {seaway.__version__} cannot be fetched: {complaint[-500:]}; name a wheel with --wheel"
        )
    return next(directory.glob("seaway-*.whl"))


def _built(checkout: Path, directory: Path, tell: Tell) -> Path:
    beside = Path(sys.executable).with_name("maturin")
    maturin = str(beside) if beside.exists() else shutil.which("maturin")
    if maturin is None:
        raise FailedPrecondition(
            "a checkout needs maturin to build its wheel; install it, or name a wheel with --wheel"
        )
    tell("building the wheel of this checkout; the first time this compiles for minutes")
    command = [maturin, "build", "--release", "--quiet", "--out", str(directory)]
    ran = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise FailedPrecondition(f"the wheel cannot be built: {ran.stderr.strip()[-2000:]}")
    return next(directory.glob("seaway-*.whl"))
