"""Decisions that were made before, kept as files: the same model on the same machine is not tried twice.

A decision is kept under the hash of everything that it depends on: the version's files, the versions of the engines,
the processor, the threads and the rules of batching. Anything else found there is no decision.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import msgspec

from seaway.engines import onnx_cache
from seaway.serving.instance import LoadOptions
from seaway.serving.trial.outcome import Decision
from seaway.settings.batching_parameters import Rules

log = logging.getLogger(__name__)

_DISTRIBUTIONS = ("seaway", "tensorflow", "tensorflow-cpu", "onnxruntime", "openvino", "tf2onnx")
_CPU_INFO = Path("/proc/cpuinfo")


class Decisions:
    """The files of one directory."""

    def __init__(self, cache_directory: str) -> None:
        """Use a directory below the engines' cache directory; it need not be there."""
        self._directory = onnx_cache.cache_directory(cache_directory) / "trials"

    def find(self, key: str) -> Decision | None:
        """Return the decision kept under a key, None when there is none that can be read."""
        try:
            return msgspec.json.decode(self._path(key).read_bytes(), type=Decision)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as err:
            log.warning("the engine decision %s cannot be read and is made anew: %s", self._path(key), err)
            return None

    def keep(self, key: str, decision: Decision) -> None:
        """Keep a decision; where that is impossible it is made again by the next server."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            descriptor, scratch = tempfile.mkstemp(prefix=".decision-", dir=self._directory)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(decision)))
            Path(scratch).replace(self._path(key))
        except OSError as err:
            log.warning("the engine decision for this model cannot be kept in %s: %s", self._directory, err)

    def _path(self, key: str) -> Path:
        return self._directory / f"{key}.json"


def key(path: Path, options: LoadOptions, rules: Rules) -> str:
    """Return what the decision about a version directory is kept under; reads every file of it.

    Raises:  OSError - a file cannot be read.
    """
    depends_on = {
        "files": onnx_cache.key(path, options.tags),
        "engines": _installed(),
        "processor": processor(),
        "options": msgspec.to_builtins(options),
        "rules": rules,
    }
    return hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()


def processor(cpu_info: Path = _CPU_INFO) -> str:
    """Return the name of the processor and what it can do, as the system tells it."""
    try:
        lines = cpu_info.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.machine()
    wanted = ("model name", "flags", "CPU implementer", "CPU part", "Features")
    first: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in wanted:
            first.setdefault(name.strip(), value.strip())
    return json.dumps(first, sort_keys=True) if first else platform.machine()


def _installed() -> Mapping[str, str]:
    found = {}
    for distribution in _DISTRIBUTIONS:
        try:
            found[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return found
