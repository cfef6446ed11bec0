"""Finds TensorFlow's shared library and custom operation libraries without importing TensorFlow.

The worker binds the C API of `libtensorflow_cc.so.2`, which every TensorFlow wheel ships. Looking a package up by its
import specification runs none of its code, and the version is read from the wheel's metadata.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from seaway import extras
from seaway.errors import FailedPrecondition, NotFound

_LIBRARY_PATTERN = "libtensorflow_cc.so*"
_PACKAGES = ("tensorflow", "tensorflow_intel", "tensorflow_cpu")
_DISTRIBUTIONS = ("tensorflow", "tensorflow-cpu", "tensorflow-intel")
_UNKNOWN_VERSION = "unknown"


@dataclass(frozen=True, slots=True)
class TensorFlow:
    """An installed TensorFlow, as far as a worker needs it."""

    library: Path
    version: str
    """As the wheel says; `unknown` when only the library was named."""


def find(library: str = "") -> TensorFlow:
    """Return the TensorFlow to bind: the library named, or the one of the installed wheel.

    Raises:  FailedPrecondition - no such library, or no wheel that has one; says how to get it.
    """
    if library:
        path = Path(library)
        if not path.is_file():
            raise FailedPrecondition(
                f"TensorFlow's library {library!r} is not a file; leave it empty to use the wheel's"
            )
        return TensorFlow(path.resolve(), _UNKNOWN_VERSION)
    for package in _PACKAGES:
        for directory in _package_directories(package):
            for path in sorted(directory.glob(_LIBRARY_PATTERN)):
                return TensorFlow(path.resolve(), _installed_version())
    raise FailedPrecondition(f"TensorFlow is not installed (no libtensorflow_cc.so.2); {extras.command('tensorflow')}")


def custom_op_libraries(names: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the libraries behind `names`: each a path, or an installed package whose libraries are all taken.

    A package is named as pip or Python names it (`tensorflow-text`, `tensorflow_text`); its libraries are the shared
    objects below it that hold operations, which by custom begin with an underscore.

    Raises:  NotFound - neither a file nor an installed package with such libraries.
    """
    return tuple(path for name in names for path in _libraries_of(name))


def _libraries_of(name: str) -> list[Path]:
    path = Path(name)
    if path.is_file():
        return [path.resolve()]
    found: list[Path] = []
    if "/" not in name:
        for directory in _package_directories(name.replace("-", "_")):
            found += sorted(directory.rglob("_*.so"))
    libraries = [path.resolve() for path in found if not _is_python_module(path)]
    if not libraries:
        raise NotFound(f"custom operations {name!r}: neither a file nor an installed package with operation libraries")
    return libraries


def _is_python_module(path: Path) -> bool:
    """Tell a Python extension module from an operation library, whose name carries no interpreter tag."""
    return ".cpython-" in path.name or ".abi3." in path.name or path.name.startswith("_pywrap")


def _package_directories(package: str) -> list[Path]:
    """Return where the package would be imported from; none when it is not installed."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _installed_version() -> str:
    for distribution in _DISTRIBUTIONS:
        try:
            return metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return _UNKNOWN_VERSION
