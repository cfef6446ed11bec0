"""Which engines there are, which package each needs, and what each finds in a version directory.

The packages are optional. Whether one is installed is asked of the import system without importing it, so a server
says at its start what is missing instead of failing version after version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from seaway import extras
from seaway.engines.engine import Engine
from seaway.errors import FailedPrecondition

TENSORFLOW = "tensorflow"
"""The engine that is not hosted in Python."""

ONNX = "onnx"
OPENVINO = "openvino"

LITERT = "litert"
"""The engine that a server can prefer to the one it was told, where a version has its file."""

_SAVED_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb")


@dataclass(frozen=True, slots=True)
class Kind:
    """One engine: where it is, the package it needs (empty for none), and the files of which it takes any."""

    module: str
    package: str
    files: tuple[str, ...]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        TENSORFLOW: Kind("", "", _SAVED_MODEL_FILES),
        ONNX: Kind("seaway.engines.onnx", "onnxruntime", ("model.onnx", "saved_model.pb")),
        OPENVINO: Kind("seaway.engines.openvino", "openvino", ("model.onnx", "saved_model.pb")),
        LITERT: Kind("seaway.engines.litert", "ai_edge_litert", ("model.tflite",)),
        "python": Kind("seaway.engines.python", "", ("model.py",)),
    }
)
"""Every engine by the name that the setting `engine.engine` takes."""


def require(name: str) -> None:
    """Make sure that the package of an engine is installed.

    Raises:  FailedPrecondition - it is not; says how to get it.
    """
    package = KINDS[name].package
    if package and find_spec(package) is None:
        raise FailedPrecondition(f"engine {name} needs the package {package}; {extras.command(name)}")


def hosted(name: str) -> Engine:
    """Return an engine that is hosted in Python; imports its package.

    Raises:  FailedPrecondition - the package is not installed, or cannot be imported.
    """
    require(name)
    kind = KINDS[name]
    try:
        engine: Engine = import_module(kind.module).ENGINE
    except ImportError as err:
        raise FailedPrecondition(
            f"engine {name} cannot be used: {err}; pip install --force-reinstall {kind.package}"
        ) from err
    return engine


def check_servable(name: str, path: Path) -> None:
    """Refuse a version directory that holds models for other engines only.

    Raises:  FailedPrecondition - says which engine takes what is there.
    """
    if any((path / file).is_file() for file in KINDS[name].files):
        return
    others = {other: file for other, kind in KINDS.items() for file in kind.files if (path / file).is_file()}
    if others:
        choices = " or ".join(f"--engine {other}" for other in others)
        raise FailedPrecondition(
            f"{path} holds {next(iter(others.values()))}; engine {name} takes {' or '.join(KINDS[name].files)}. "
            f"Start the server with {choices}, or convert the model"
        )
