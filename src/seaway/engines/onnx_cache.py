"""Converted SavedModels, kept under the hash of what they were made from.

The key covers every file of the version and the versions of what converts, so a change to either converts anew and
nothing is ever converted twice. A conversion appears by rename: two workers that convert the same thing at the same
moment cannot show each other half of it. What converts is a process of its own (`onnx_conversion`), the only place
where TensorFlow is imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from seaway import extras
from seaway.engines.engine import EngineOptions
from seaway.errors import FailedPrecondition, Internal

MANIFEST = "manifest.json"
_TENSORFLOWS = ("tensorflow", "tensorflow-cpu", "tensorflow-intel")
_CONVERTERS = ("tf2onnx", "onnx", *_TENSORFLOWS)
_SHOWN_CHARACTERS = 800


@dataclass(frozen=True, slots=True)
class Converted:
    """The graph of each signature that could be converted, and why the others could not."""

    files: Mapping[str, Path]
    left_out: Mapping[str, str]


def converted(path: Path, signatures: Sequence[str], options: EngineOptions) -> Converted:
    """Return the SavedModel's signatures as ONNX files, from the cache or converted now.

    Raises:  FailedPrecondition - what converts is not installed; Internal - it failed as a whole, with its words.
    """
    place = cache_directory(options.cache_directory) / "onnx" / key(path, options.tags)
    if not (place / MANIFEST).is_file():
        _require_converters()
        _convert(path, signatures, options.tags, place)
    manifest = json.loads((place / MANIFEST).read_text())
    return Converted({name: place / file for name, file in manifest["files"].items()}, manifest["left_out"])


def cache_directory(named: str) -> Path:
    """Return where converted models are kept: the directory named, or the user's cache directory."""
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seaway"


def key(path: Path, tags: Sequence[str]) -> str:
    """Return what a conversion of this directory is kept under."""
    digest = hashlib.sha256(json.dumps([sorted(tags), _versions()]).encode())
    for file in sorted(each for each in path.rglob("*") if each.is_file()):
        digest.update(f"\0{file.relative_to(path)}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    versions = {}
    for distribution in _CONVERTERS:
        try:
            versions[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _require_converters() -> None:
    missing = [package for package in ("tensorflow", "tf2onnx") if find_spec(package) is None]
    if missing:
        raise FailedPrecondition(
            f"converting a SavedModel to ONNX needs {' and '.join(missing)}; {extras.command('onnx', 'tensorflow')}, "
            "or serve a model.onnx that was converted elsewhere"
        )


def _convert(path: Path, signatures: Sequence[str], tags: Sequence[str], place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".converting-", dir=place.parent))
    try:
        _run({"path": str(path), "signatures": list(signatures), "tags": list(tags), "out": str(scratch)})
        _publish(scratch, place)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)  # published, it is not there any more


def _run(job: Mapping[str, object]) -> None:
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-m", "seaway.engines.onnx_conversion", json.dumps(job)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        words = done.stderr.strip()[-_SHOWN_CHARACTERS:]
        raise Internal(f"the conversion to ONNX ended with {done.returncode}: {words}")


def _publish(scratch: Path, place: Path) -> None:
    """Give a finished conversion its name, unless another worker was first."""
    try:
        scratch.rename(place)
    except OSError:
        if not (place / MANIFEST).is_file():
            raise
