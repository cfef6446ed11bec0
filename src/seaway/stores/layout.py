"""How a model lies in a store, whatever the store: numbered versions, and which files make one whole. Pure.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc, IndexChildrenByVersion. Unlike
there, only decimal digits count (no sign, no spaces). tensorflow/core/util/tensor_bundle/naming.h for the shards.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt", "saved_model.cpb", "model.tflite", "model.onnx", "model.py")
"""Files of which a version directory holds at least one."""

_LARGEST_VERSION = 2**63 - 1
_INDEX = "variables/variables.index"
_SHARD = re.compile(r"variables/variables\.data-(\d{5})-of-(\d{5})")


def version_number(directory_name: str) -> int | None:
    """Return the version that a directory of this name holds, None when it holds none."""
    if not (directory_name.isascii() and directory_name.isdecimal()):
        return None
    number = int(directory_name) if len(directory_name.lstrip("0")) <= len(str(_LARGEST_VERSION)) else None
    return number if number is not None and number <= _LARGEST_VERSION else None


def missing_parts(files: Collection[str]) -> tuple[str, ...]:
    """Name what keeps these files (paths inside a version) from being a whole model."""
    missing = []
    if not any(name in files for name in MODEL_FILES):
        missing.append(f"one of {', '.join(MODEL_FILES)}")
    shards = [match for name in files if (match := _SHARD.fullmatch(name))]
    if _INDEX in files and not shards:
        missing.append("variables/variables.data-?????-of-?????")
    if shards and _INDEX not in files:
        missing.append(_INDEX)
    for total in sorted({match[2] for match in shards}):
        names = (f"variables/variables.data-{part:05d}-of-{total}" for part in range(int(total)))
        missing.extend(name for name in names if name not in files)
    return tuple(missing)


def by_version(paths: Iterable[str]) -> tuple[Mapping[int, str], tuple[str, ...]]:
    """Return the directory of each version among these paths below a model, and which directories are not used.

    Two directories may name one number (`1` and `001`); the last by name is used, as it is for directories.
    """
    found: dict[int, str] = {}
    ignored = []
    for name in sorted({path.partition("/")[0] for path in paths if "/" in path}):
        number = version_number(name)
        if number is None:
            continue
        if number in found:
            ignored.append(found[number])
        found[number] = name
    return found, tuple(ignored)


def in_order_of_upload(files: Iterable[str]) -> tuple[str, ...]:
    """Return the files of a version in the order that keeps it from being whole until the last is there."""
    return tuple(sorted(files, key=lambda name: (-_rank(name), name)))


def _rank(name: str) -> int:
    """Return the place among the graph files, 0 for the one that comes last of all; others come before."""
    return MODEL_FILES.index(name) if name in MODEL_FILES else len(MODEL_FILES)
