"""Where built models lie, and when a cached one is still the model its recipe describes.

The key is a hash of every recipe file and TensorFlow's version, so a change to either builds anew and an
unchanged checkout never builds twice. Nothing here imports TensorFlow: a test process asks this module for a
path and starts `build.py` only when something is missing. Models appear by rename, so two builders that run
at the same moment cannot show each other half a model.
"""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

RECIPES = Path(__file__).parent
CHECKOUT = RECIPES.parent.parent


def tensorflow_version() -> str:
    """The installed TensorFlow's version, found without importing it.

    Raises: RuntimeError - neither `tensorflow-cpu` nor `tensorflow` is installed.
    """
    for name in ("tensorflow-cpu", "tensorflow"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    raise RuntimeError("building test models needs TensorFlow: pip install -r requirements-dev.txt")


def key() -> str:
    """Twelve hexadecimal digits that change when a recipe or TensorFlow changes."""
    digest = hashlib.sha256(tensorflow_version().encode())
    for recipe in sorted(RECIPES.glob("*.py")):
        digest.update(recipe.name.encode())
        digest.update(recipe.read_bytes())
    return digest.hexdigest()[:12]


def default_directory() -> Path:
    """The cache directory for this checkout's recipes."""
    return CHECKOUT / ".cache" / "models" / key()


@dataclass(frozen=True, slots=True)
class Models:
    """The built models of this checkout, asked for by name."""

    root: Path

    def path(self, name: str) -> Path:
        """The base path of a model: the directory that holds its version directories. Built when missing.

        Raises: RuntimeError - the recipe failed; carries what the builder printed last.
        """
        if not (self.root / name).is_dir():
            build([name], self.root)
        return self.root / name

    def version(self, name: str, version: str | None = None) -> Path:
        """The directory of one version of a model, or of its only version."""
        base = self.path(name)
        if version is not None:
            return base / version
        (only,) = (child for child in base.iterdir() if child.is_dir())
        return only


def build(names: list[str], root: Path) -> None:
    """Run the builder in a process of its own; no names means every model that is not large. Builders take turns.

    Raises: RuntimeError - it failed; carries what it printed last.
    """
    command = [sys.executable, str(RECIPES / "build.py"), "--out", str(root)]
    command += [part for name in names for part in ("--only", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"tests/models/build.py failed with {done.returncode}:\n{done.stderr[-2000:]}")


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Keep other processes of a test run from building in the same directory at the same time; they wait."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare() -> Models:
    """Every ordinary model, built if this checkout has not built it yet."""
    root = default_directory()
    if not _complete(root).exists():
        build([], root)
    return Models(root)


def mark_complete(root: Path) -> None:
    """Note that every ordinary model is there."""
    _complete(root).touch()


def _complete(root: Path) -> Path:
    return root / ".complete"
