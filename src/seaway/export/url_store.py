"""A model's directory behind a URL: drafts lie on this machine, and go up when they are whole and proven.

Two that export at once must not take one number, and an object store has no rename that the second would fail at. So a
number is claimed first, by an object that only one of them can create; a version is whole, and seen by servers, when
its graph is there, which is uploaded last.

    3/…                  a version
    4/.seaway-claim      number 4 is taken; no server looks at it before its graph is there
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seaway.errors import AlreadyExists, NotFound, ResourceExhausted, SeawayError, Unimplemented
from seaway.export.store import Published
from seaway.stores.filesystems import is_read_only
from seaway.stores.layout import version_number
from seaway.stores.opened import open_store
from seaway.stores.remote import RemoteStore
from seaway.stores.store import Watch, versions
from seaway.stores.url import joined, shown

_CLAIM = ".seaway-claim"
_LIST_S = 60.0
_TRIES = 20
"""As many may export one model at the same moment."""


class UrlStore:
    """One base path behind a URL."""

    def __init__(self, url: str, opened: RemoteStore | None = None) -> None:
        """Ask nothing yet; `opened` takes the place of what the URL names.

        Raises:  FailedPrecondition - a package is missing, which is named; InvalidArgument, Unimplemented - the URL
                 cannot be used, or only be read.
        """
        if is_read_only(url):
            raise Unimplemented(
                f"{shown(url)} is for reading only; export to s3://, gs:// or a directory that the web server shows"
            )
        store = open_store(url) if opened is None else opened
        assert isinstance(store, RemoteStore), "whoever asks has seen that it is a URL"
        self._store = store

    def versions(self) -> tuple[int, ...]:
        """Return the numbers that are taken, ascending. Raises as listing does, but for a model that is not there."""
        try:
            return versions(self._store, _LIST_S)
        except NotFound:
            return ()

    @contextmanager
    def begin(self) -> Iterator[Path]:
        """Give an empty draft on this machine, once the store has answered.

        Raises:  PermissionDenied, Unavailable - it cannot be listed.
        """
        self.versions()
        draft = Path(tempfile.mkdtemp(prefix="seaway-export-"))
        try:
            yield draft
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    def publish(self, draft: Path) -> Published:
        """Upload a draft under the number after the highest.

        Raises:  ResourceExhausted - so many export at once that no number could be had, or there is no higher one;
                 PermissionDenied, Unavailable - it cannot be written; what was uploaded is removed then.
        """
        number = 0
        for _ in range(_TRIES):
            number = max(number, max(self.versions(), default=0)) + 1
            if version_number(str(number)) is None:
                raise ResourceExhausted(f"version {number - 1} of {self._shown} is taken, and none is higher")
            with suppress(AlreadyExists):  # somebody else took this number a moment ago
                self._put(draft, number)
                return Published(number, joined(self._store.url, str(number)))
        raise ResourceExhausted(
            f"versions up to {number} of {self._shown} were taken meanwhile, {_TRIES} in a row; export again"
        )

    def _put(self, draft: Path, number: int) -> None:
        """Upload a draft under a number. Raises:  AlreadyExists - another export has it."""
        claim = f"{number}/{_CLAIM}"
        self._store.create(claim)
        try:
            # Who was whole and took back its claim since the number was looked for is noticed here.
            self._store.put_tree(draft, str(number), Watch(threading.Event()))
        finally:
            with suppress(SeawayError):  # whole or not, nobody minds what is left of it
                self._store.remove(claim)

    @property
    def _shown(self) -> str:
        return shown(self._store.url)
