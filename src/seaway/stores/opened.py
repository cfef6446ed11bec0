"""Opens stores by their addresses, and keeps what those of one scheme have in common: sessions and credentials."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from seaway.clock import Clock, SystemClock
from seaway.stores.filesystems import filesystem, refuse_credentials
from seaway.stores.local import LocalStore
from seaway.stores.remote import RemoteStore
from seaway.stores.store import Store
from seaway.stores.url import is_remote, scheme_of

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


class Stores:
    """Opens stores. For any thread."""

    def __init__(self, clock: Clock | None = None) -> None:
        """Import and connect nothing yet."""
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._filesystems: dict[str, AbstractFileSystem] = {}

    def open(self, url: str) -> Store:
        """Return what reads and writes versions below a path or URL; nothing is asked or touched yet.

        Raises:  FailedPrecondition - a package is missing; Unimplemented, InvalidArgument - the URL cannot be used.
        """
        if not is_remote(url):
            return LocalStore(url)
        refuse_credentials(url)
        scheme = scheme_of(url)
        with self._lock:
            if scheme not in self._filesystems:
                self._filesystems[scheme] = filesystem(url)
            return RemoteStore(url, self._clock, self._filesystems[scheme])


def open_store(url: str) -> Store:
    """Return one store by itself; see `Stores.open`."""
    return Stores().open(url)
