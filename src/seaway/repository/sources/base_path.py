"""How the directory of a model is laid out: one directory per version, named by its number.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc, IndexChildrenByVersion. Unlike
there, only directories count, and only decimal digits (no sign, no spaces).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from seaway import errors

MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb", "model.tflite", "model.onnx", "model.py")
"""Files of which a version directory holds at least one."""

SINGLE_VERSION = 1
"""The number of a SavedModel that lies in the base path itself."""

_SAVED_MODEL = "saved_model."

_LARGEST_VERSION = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Layout:
    """What a base path holds."""

    versions: dict[int, Path]
    warnings: tuple[str, ...] = ()


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


def version_number(directory_name: str) -> int | None:
    """Return the version that a directory of this name holds, None when it holds none."""
    if not (directory_name.isascii() and directory_name.isdecimal()):
        return None
    number = int(directory_name) if len(directory_name.lstrip("0")) <= len(str(_LARGEST_VERSION)) else None
    return number if number is not None and number <= _LARGEST_VERSION else None


def _local_path(name: str, base_path: str) -> Path:
    uri = urlsplit(base_path)
    if uri.scheme == "file":
        return Path(unquote(uri.path))
    if uri.scheme:
        raise errors.Unimplemented(
            f"base path {base_path} of model {name!r}: {uri.scheme}:// is not supported; copy it to a directory"
        )
    return Path(base_path)


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
