"""Copies complete files to a store, and remembers for each place how it went, so that one that fails is left in peace.

What is said in the log is said once for each outage, and once when it is over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from seaway.clock import Clock
from seaway.request_log.stock import pause_s
from seaway.stores.filesystems import filesystem
from seaway.stores.url import shown

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

log = logging.getLogger(__name__)

Put = Callable[[Path, str], None]
"""Copies a local file to a URL; raises what the store says."""


@dataclass(slots=True)
class _Standing:
    failures: int = 0
    next_s: float = 0.0


class Uploader:
    """The places that files go to."""

    def __init__(self, put: Put, clock: Clock) -> None:
        """Nothing was tried yet."""
        self._put = put
        self._clock = clock
        self._standings: dict[str, _Standing] = {}

    def may_try(self, place: str) -> bool:
        """Tell whether a place is not being left in peace."""
        return self._clock.now() >= self._standings.setdefault(place, _Standing()).next_s

    def forgive(self) -> None:
        """Try every place again, at once."""
        for standing in self._standings.values():
            standing.next_s = 0.0

    def upload(self, path: Path, place: str, name: str) -> bool:
        """Copy a file to `place/name`; False when that failed, which is remembered."""
        standing = self._standings.setdefault(place, _Standing())
        try:
            self._put(path, f"{place}/{name}")
        except Exception as err:  # a store's client has its own errors, and none may end the thread
            standing.failures += 1
            standing.next_s = self._clock.now() + pause_s(standing.failures)
            if standing.failures == 1:
                log.error("files of the request log cannot be uploaded to %s, they wait: %s", place, shown(repr(err)))
            return False
        if standing.failures:
            log.info("files of the request log are uploaded again to %s", place)
        standing.failures, standing.next_s = 0, 0.0
        return True


class Stores:
    """Clients of stores, one for each place, made anew after a failure: credentials and addresses may have changed."""

    def __init__(self) -> None:
        """Make none yet."""
        self._systems: dict[str, AbstractFileSystem] = {}

    def put(self, path: Path, url: str) -> None:
        """Copy a local file to a URL. Raises: what the store's client raises."""
        place = url.rpartition("/")[0]
        system = self._systems.pop(place, None) or filesystem(place)
        system.put_file(str(path), url)
        self._systems[place] = system
