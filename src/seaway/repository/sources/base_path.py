"""How the directory of a model is laid out: one directory per version, named by its number.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc, IndexChildrenByVersion. Unlike
there, only directories count, and only decimal digits (no sign, no spaces).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from seaway import errors
from seaway.repository.sources.sight import Sight
from seaway.stores.layout import MODEL_FILES, version_number
from seaway.stores.tree import Tree
from seaway.stores.url import is_remote, local_path, scheme_of, shown

__all__ = ["MODEL_FILES", "SINGLE_VERSION", "Layout", "read_layout", "version_number"]

SINGLE_VERSION = 1
"""The number of a SavedModel that lies in the base path itself."""

_SAVED_MODEL = "saved_model."


@dataclass(frozen=True, slots=True)
class Layout:
    """What a base path holds: where the files of each version are, or will be once they are fetched."""

    versions: dict[int, Path]
    warnings: tuple[str, ...] = ()
    sights: Mapping[int, Sight] = field(default_factory=dict)
    """What is known of versions without a look at their directories: those of a URL."""
    trees: Mapping[int, Tree] = field(default_factory=dict)
    """What has to be fetched of them."""


def read_layout(name: str, base_path: str) -> Layout:
    """List the version directories of a model.

    Raises:  NotFound, PermissionDenied, FailedPrecondition - the base path is missing, unreadable, not a directory;
             Unimplemented - it is a URI other than file://.
    """
    directory = _local_path(name, base_path)
    try:
        with os.scandir(directory) as found:
            entries = sorted((entry.name, entry.is_dir()) for entry in found)
    except FileNotFoundError as err:
        raise errors.NotFound(f"base path {directory} of model {name!r} does not exist") from err
    except PermissionError as err:
        raise errors.PermissionDenied(f"base path {directory} of model {name!r} may not be read: {err}") from err
    except OSError as err:
        raise errors.FailedPrecondition(f"base path {directory} of model {name!r} cannot be listed: {err}") from err
    layout = _index(directory, (entry for entry, is_directory in entries if is_directory))
    files = [entry for entry, is_directory in entries if not is_directory and entry in MODEL_FILES]
    return _single(name, directory, files) if files and not layout.versions else layout


def _local_path(name: str, base_path: str) -> Path:
    if is_remote(base_path):
        raise errors.Unimplemented(
            f"base path {shown(base_path)} of model {name!r}: {scheme_of(base_path)}:// is not supported here; copy it "
            "to a directory"
        )
    return local_path(base_path)


def _index(directory: Path, names: Iterable[str]) -> Layout:
    versions: dict[int, Path] = {}
    warnings = []
    for name in names:
        number = version_number(name)
        if number is None:
            continue
        if number in versions:
            warnings.append(
                f"{directory} holds version {number} twice: {name} is used, {versions[number].name} is ignored"
            )
        versions[number] = directory / name
    return Layout(versions, tuple(warnings))


def _single(name: str, directory: Path, files: list[str]) -> Layout:
    what = "is itself a SavedModel" if files[-1].startswith(_SAVED_MODEL) else f"holds {files[0]} itself"
    warning = (
        f"base path {directory} of model {name!r} {what}; it is served as version {SINGLE_VERSION}. "
        f"Move it to {directory / str(SINGLE_VERSION)}, so that a later version can be put beside it"
    )
    return Layout({SINGLE_VERSION: directory}, (warning,))
