"""Which engines may serve a version: pure functions of the settings, the version's files, and what is installed."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from seaway.engines.registry import KINDS, LITERT, ONNX, OPENVINO, TENSORFLOW

AUTO = "auto"
"""The engine that the files are for, until another one is proven to be better."""

_KNOWN = frozenset(file for kind in KINDS.values() for file in kind.files)
_SAVED_MODEL = frozenset(KINDS[TENSORFLOW].files)
_ONNX_FILE = "model.onnx"
_CONVERTERS = ("tensorflow", "tf2onnx")


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the settings say about engines."""

    engine: str
    """The engine for whatever nothing else is preferred for, or `auto`."""
    prefers_tflite: bool = False
    """Whether a `model.tflite` comes before anything beside it."""

    @property
    def engines(self) -> tuple[str, ...]:
        """Every engine that must be there, whatever the versions hold."""
        named = () if self.engine == AUTO else (self.engine,)
        return tuple(dict.fromkeys((*named, LITERT))) if self.prefers_tflite else named


def choose(preferences: Preferences, files: Set[str], usable: Set[str]) -> tuple[str, ...]:
    """Return the engines for a version with these files: the first one that takes it serves it.

    Source:  tensorflow_serving/servables/tensorflow/saved_model_bundle_factory.cc, prefer_tflite_model.
    """
    if preferences.prefers_tflite and not files.isdisjoint(KINDS[LITERT].files):
        return (LITERT,)
    return natural(files, usable) if preferences.engine == AUTO else (preferences.engine,)


def natural(files: Set[str], usable: Set[str]) -> tuple[str, ...]:
    """Return the engine that files are meant for; where that is not installed, all others that take them.

    Where nothing is installed, it is the engine that is missing, whose error says what to install.
    """
    if files & _SAVED_MODEL:
        order: tuple[str, ...] = (TENSORFLOW, OPENVINO, ONNX)
    elif _ONNX_FILE in files:
        order = (ONNX, OPENVINO)
    else:
        order = tuple(name for name, kind in KINDS.items() if files & set(kind.files)) or (TENSORFLOW,)
    if order[0] in usable:
        return order[:1]
    return tuple(name for name in order if name in usable) or order[:1]


def is_stand_in(engine: str, files: Set[str]) -> bool:
    """Tell whether an engine serves a SavedModel in TensorFlow's place."""
    return engine not in {TENSORFLOW, LITERT} and bool(files & _SAVED_MODEL)


def candidates(files: Set[str], base: str, usable: Set[str], can_convert: bool) -> tuple[str, ...]:
    """Return the engines worth a trial in place of `base`."""
    if base not in {TENSORFLOW, ONNX, OPENVINO}:
        return ()
    others = {ONNX, OPENVINO}
    if _ONNX_FILE not in files and not can_convert:
        others -= {ONNX}
    if not files.isdisjoint(KINDS[LITERT].files):
        others |= {LITERT}
    return tuple(sorted((others & usable) - {base}))


def usable_engines(has_tensorflow: bool) -> frozenset[str]:
    """Return the engines whose packages are installed."""
    found = {name for name, kind in KINDS.items() if not kind.package or is_installed(kind.package)}
    return frozenset(found if has_tensorflow else found - {TENSORFLOW})


def can_convert() -> bool:
    """Tell whether a SavedModel can be converted to ONNX here."""
    return all(map(is_installed, _CONVERTERS))


def has_gpu(environment: Mapping[str, str], devices: Path = Path("/dev")) -> bool:
    """Tell whether TensorFlow would find a GPU of NVIDIA's: the driver is there, and not hidden."""
    return (devices / "nvidiactl").exists() and environment.get("CUDA_VISIBLE_DEVICES", "all") not in {"", "-1"}


def is_installed(package: str) -> bool:
    """Tell whether a package could be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def model_files(path: Path) -> frozenset[str]:
    """Return the names of the files in a version directory that some engine takes."""
    return frozenset(file for file in _KNOWN if (path / file).is_file())
