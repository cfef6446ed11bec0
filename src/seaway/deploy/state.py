"""What a deployment remembers between commands, as named documents: lock, history, rollouts, the published decision.

A directory that the replicas can read as well, the model store's own unless said otherwise. Every document is
written beside and moved in, so that no reader sees half of one, and a document that is `create`d exists only once.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from seaway.errors import AlreadyExists, FailedPrecondition
from seaway.fleet.published import LOG_DIRECTORY
from seaway.fleet.report import DIRECTORY as REPORTS

MONITOR = "monitor"
"""Directory of what a monitor has kept, where that lies in the state."""

OURS = (
    "published.json",
    "history.json",
    "lock*.json",
    "rollout-*.json",
    "fingerprint-key",
    ".*.partial",
    f"{REPORTS}/*.json",
    f"{REPORTS}/.*",
    f"{MONITOR}/*",
    f"{MONITOR}/.*",
)
"""What a deployment leaves in its directory, which may be one that somebody uses for other things as well."""


class StateStore(Protocol):
    """Named documents. A name is a file name, of no meaning to the store."""

    def read(self, name: str) -> bytes | None:
        """Return a document, None when there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Put a document in the place of what was there, whole at once."""

    def create(self, name: str, content: bytes) -> None:
        """Write a document that is not there yet.

        Raises:  AlreadyExists - it is there, whoever wrote it.
        """

    def remove(self, name: str) -> None:
        """Remove a document; nothing happens when there is none."""

    def clear(self) -> None:
        """Remove every document, and what held them."""


class StateDirectory:
    """Documents as files of a directory."""

    def __init__(self, directory: Path) -> None:
        """Touch nothing yet; the directory is made with the first document."""
        self.directory = directory

    def read(self, name: str) -> bytes | None:
        """Return a document, None when there is none."""
        with suppress(FileNotFoundError):
            return (self.directory / name).read_bytes()
        return None

    def write(self, name: str, content: bytes) -> None:
        """Put a document in the place of what was there, whole at once and lastingly."""
        partial = self._partial(name, content)
        partial.replace(self.directory / name)
        self._make_lasting()

    def create(self, name: str, content: bytes) -> None:
        """Write a document that is not there yet; of two who try at once, one succeeds.

        Raises:  AlreadyExists - it is there.
        """
        partial = self._partial(name, content)
        try:
            # A link fails where the name is taken, on network file systems too, and what it shows is whole.
            os.link(partial, self.directory / name)
        except FileExistsError as err:
            raise AlreadyExists(f"{self.directory / name} is there already") from err
        finally:
            partial.unlink()
        self._make_lasting()

    def remove(self, name: str) -> None:
        """Remove a document; nothing happens when there is none."""
        (self.directory / name).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove every document, reports too, and the directory if nothing else lies in it."""
        if not self.directory.is_dir():
            return
        for pattern in OURS:
            for file in self.directory.glob(pattern):
                file.unlink(missing_ok=True)
        made = (self.directory / name for name in (REPORTS, MONITOR, LOG_DIRECTORY))
        for directory in (*made, self.directory, self.directory.parent):
            with suppress(OSError):  # Something that is not ours lies in it: then it stays.
                directory.rmdir()

    def _partial(self, name: str, content: bytes) -> Path:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            descriptor, path = tempfile.mkstemp(prefix=f".{name}.", suffix=".partial", dir=self.directory)
        except OSError as err:
            raise FailedPrecondition(
                f"the state of the deployment cannot be written: {err}; make the directory writable or name another "
                "one as `state` in seaway.yaml"
            ) from err
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Replicas read it under another user.
        Path(path).chmod(0o644)
        return Path(path)

    def _make_lasting(self) -> None:
        descriptor = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
