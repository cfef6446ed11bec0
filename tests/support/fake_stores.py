"""A store in memory that answers, fails and sends what a test says."""

from __future__ import annotations

import hashlib
from collections import deque
from pathlib import Path

from seaway import errors
from seaway.stores.store import Watch
from seaway.stores.tree import Checksum, StoredFile, Tree


class FakeStore:
    """Holds files; what is in `faults` happens first, one after another, to whoever fetches that file."""

    def __init__(self, **contents: bytes) -> None:
        self.url = "s3://bucket/m/1"
        self.contents = {name.replace("__", "/"): content for name, content in contents.items()}
        self.faults: dict[str, deque[bytes | errors.SeawayError]] = {}
        self.fetched: list[str] = []
        self.is_certain = True

    def tree(self) -> Tree:
        return Tree(self.url, self.list(1.0))

    def list(self, timeout_s: float, inside: str = "") -> tuple[StoredFile, ...]:
        return tuple(_file(name, content) for name, content in sorted(self.contents.items()))

    def fetch(self, path: str, target: Path, watch: Watch) -> None:
        self.fetched.append(path)
        fault = self.faults[path].popleft() if self.faults.get(path) else None
        if isinstance(fault, errors.SeawayError):
            raise fault
        content = self.contents[path] if fault is None else fault
        target.write_bytes(content)
        watch.on_bytes(len(content))

    def has_certain_checksum(self, path: str) -> bool:
        return self.is_certain

    def put_tree(self, source: Path, path: str, watch: Watch) -> None:
        raise errors.Unimplemented("nothing is written to it")


def _file(name: str, content: bytes) -> StoredFile:
    digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return StoredFile(name, len(content), digest, checksum=Checksum("md5", digest, is_certain=False))
