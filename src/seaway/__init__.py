"""Seaway serves TensorFlow models over TensorFlow Serving's own APIs.

The package root offers its version and its client, and does nothing until one of them is asked for: importing it must
stay free of work, since workers and the health check of a container do it too.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from seaway.client import AsyncClient, Client

__all__ = ["AsyncClient", "Client", "__version__", "export"]

__version__: str
export: ModuleType


def __getattr__(name: str) -> object:
    if name in ("AsyncClient", "Client"):
        from seaway import client  # noqa: PLC0415 - brings numpy along

        return getattr(client, name)
    if name == "export":
        return import_module("seaway.export")
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Reading a distribution's metadata costs forty milliseconds, which few of those who import the package want.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("seaway")
    except PackageNotFoundError:  # a source tree that was never installed
        return "0+unknown"
