"""Seaway serves TensorFlow models over TensorFlow Serving's own APIs.

The package root offers its version and nothing else: importing it must stay free of work, since workers do it too.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("seaway")
except PackageNotFoundError:  # a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
