"""Whether a fetched file is what the store says it is: its size, and its checksum where the store gives one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import google_crc32c

from seaway.stores.tree import Checksum, StoredFile

_BLOCK_BYTES = 1 << 20


def wrong_size(path: Path, file: StoredFile) -> str:
    """Return what is wrong with the size of a fetched file, nothing when it is right or not known."""
    found = path.stat().st_size
    if file.size_bytes is None or found == file.size_bytes:
        return ""
    return f"{file.path} came with {found} bytes of {file.size_bytes}"


def wrong_content(path: Path, file: StoredFile) -> str:
    """Return what is wrong with the content of a fetched file, nothing when it is right or has no checksum."""
    expected = file.checksum
    if expected is None:
        return ""
    found = _sum(path, expected)
    if found == expected.value:
        return ""
    return f"{file.path} came with the {expected.kind} {found} in place of {expected.value}"


def _sum(path: Path, expected: Checksum) -> str:
    if expected.kind == "crc32c":
        crc = 0
        for block in _blocks(path):
            crc = int(google_crc32c.extend(crc, block))
        return f"{crc:08x}"
    digest = hashlib.md5(usedforsecurity=False)
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as content:
        while block := content.read(_BLOCK_BYTES):
            yield block
