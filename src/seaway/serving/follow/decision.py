"""Reads the published decision again and again, cheaply, and never believes half of one."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec

from seaway.fleet.published import FILE_NAME, Generation

log = logging.getLogger(__name__)


class DecisionFile:
    """The decision as it was last read; what cannot be read changes nothing."""

    def __init__(self, directory: Path) -> None:
        """Nothing was read yet."""
        self._path = directory / FILE_NAME
        self._stamp: tuple[int, ...] | None = None
        self._complaint = ""

    def read_if_changed(self) -> Generation | None:
        """Return the decision if the file is another one than before; None if it is the same, or cannot be read."""
        try:
            status = os.stat(self._path)
            # A file that is moved in has another number, even where the clock is coarse.
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp == self._stamp:
                return None
            content = self._path.read_bytes()
            read = msgspec.json.decode(content, type=Generation)
        except FileNotFoundError:
            self._complain(f"waiting for a decision on what to serve: {self._path} is not there yet")
            return None
        except (OSError, msgspec.MsgspecError) as err:
            self._complain(f"{self._path} cannot be read, what is served stays: {err}")
            return None
        self._stamp, self._complaint = stamp, ""
        return read

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            log.warning("%s", text)
        self._complaint = text
