"""Packages that exporting needs and Seaway does not bring.

They are imported when a model of their kind comes, and an error names the extra that brings one that is missing.
"""

from __future__ import annotations

from importlib import import_module, metadata
from types import ModuleType

from seaway import extras
from seaway.errors import FailedPrecondition


def required(package: str, extra: str, purpose: str) -> ModuleType:
    """Import a package that a kind of model needs.

    Raises:  FailedPrecondition - it is not installed; says which extra brings it.
    """
    try:
        return import_module(package)
    except ImportError as err:
        raise FailedPrecondition(f"{purpose} needs {err.name or package}; {extras.command(extra)}") from err


def installed_versions(distributions: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those distributions that are installed."""
    found = {}
    for name in distributions:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
