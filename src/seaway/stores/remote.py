"""A store behind a URL, through fsspec.

An object store lists everything below a prefix at once. Of a web server the index pages are read, as deep as a version
goes, and each file is asked for its size: there is no other listing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from seaway.clock import Clock, SystemClock
from seaway.errors import AlreadyExists, Cancelled, FailedPrecondition, InvalidArgument, SeawayError, Unimplemented
from seaway.stores.calls import Calls
from seaway.stores.faults import as_seaway_error, was_there
from seaway.stores.filesystems import filesystem, is_read_only
from seaway.stores.layout import MODEL_FILES, in_order_of_upload
from seaway.stores.store import Watch
from seaway.stores.tree import StoredFile, stored_file
from seaway.stores.url import joined, relative, scheme_of, shown

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

MOST_FILES = 100_000
"""Far more than the versions of a model have; a listing beyond is of something else."""

_DEEPEST = 12
_QUESTIONS_AT_ONCE = 8
_QUESTION_S = 30.0


class RemoteStore:
    """What lies below one URL. For any thread."""

    def __init__(self, url: str, clock: Clock | None = None, opened: AbstractFileSystem | None = None) -> None:
        """Ask nothing yet; `opened` takes the place of the file system that the URL is of.

        Raises:  FailedPrecondition - a package is missing; Unimplemented - the URL cannot be used.
        """
        self._url = url.rstrip("/")
        self._scheme = scheme_of(url)
        self._filesystem = filesystem(url) if opened is None else opened
        self._clock = clock or SystemClock()
        self._calls = Calls(self._filesystem, self._clock)

    @property
    def url(self) -> str:
        """Return the address as it was given."""
        return self._url

    def list(self, timeout_s: float, inside: str = "") -> tuple[StoredFile, ...]:
        """Return every file below the address; see `Store`."""
        url = joined(self._url, inside) if inside else self._url
        try:
            files = tuple(self._pages(url, timeout_s) if self._is_web else self._objects(url, timeout_s))
        except Exception as err:
            raise as_seaway_error(err, f"{shown(url)} cannot be listed") from err
        if not files:
            raise as_seaway_error(FileNotFoundError("nothing is there"), f"{shown(url)} cannot be listed")
        return files

    def fetch(self, path: str, target: Path, watch: Watch) -> None:
        """Write one file to a file of this machine; see `Store`."""
        from fsspec.callbacks import Callback  # noqa: PLC0415 - only who fetches needs the package

        class Heard(Callback):  # type: ignore[misc] # fsspec has no types
            def relative_update(self, inc: int = 1) -> None:
                watch.on_bytes(inc)

        doing = f"{path} of {shown(self._url)} cannot be fetched"
        try:
            self._calls.unless(watch.cancelled, "get_file", self._name(path), str(target), callback=Heard())
        except Exception as err:
            raise as_seaway_error(err, doing) from err

    def has_certain_checksum(self, path: str) -> bool:
        """Tell whether S3's ETag is the MD5 of a file: a file under a key of its own has another."""
        if self._scheme not in {"s3", "s3a"}:
            return True
        bucket, _, key = str(self._filesystem._strip_protocol(self._name(path))).partition("/")
        try:
            head = self._calls.within(_QUESTION_S, "call_s3", "head_object", Bucket=bucket, Key=key)
        except Exception as err:
            raise as_seaway_error(err, f"{path} of {shown(self._url)} cannot be asked for") from err
        return not (str(head.get("ServerSideEncryption", "")).startswith("aws:kms") or head.get("SSECustomerAlgorithm"))

    def put_tree(self, source: Path, path: str, watch: Watch) -> None:
        """Write a version below the address, its graph last; see `Store`."""
        if is_read_only(self._url):
            raise Unimplemented(f"{shown(self._url)} is for reading only; write to s3://, gs:// or a directory")
        path = relative(path, f"a version for {shown(self._url)}")
        files = {str(file.relative_to(source).as_posix()): file for file in source.rglob("*") if file.is_file()}
        if not any(name in files for name in MODEL_FILES):
            raise FailedPrecondition(f"{source} is no model: it lacks one of {', '.join(MODEL_FILES)}")
        self._refuse_existing(path)
        put: list[str] = []
        try:
            for name in in_order_of_upload(files):
                put.append(name)
                self._put(files[name], f"{path}/{name}", watch)
        except BaseException:
            self._take_back(path, put)
            raise

    def create(self, path: str) -> None:
        """Write an empty file that must not be there yet; of several that try, one succeeds.

        Raises:  AlreadyExists - it is there; PermissionDenied, Unavailable.
        """
        try:
            self._calls.within(_QUESTION_S, "pipe_file", self._name(path), b"", mode="create")
        except Exception as err:
            if was_there(err):
                raise AlreadyExists(f"{path} is in {shown(self._url)} already") from err
            raise as_seaway_error(err, f"{path} cannot be written to {shown(self._url)}") from err

    def remove(self, path: str) -> None:
        """Remove a file. Raises:  NotFound, PermissionDenied, Unavailable."""
        try:
            self._calls.within(_QUESTION_S, "rm_file", self._name(path))
        except Exception as err:
            raise as_seaway_error(err, f"{path} cannot be removed from {shown(self._url)}") from err

    @property
    def _is_web(self) -> bool:
        return self._scheme in {"http", "https"}

    def _name(self, path: str) -> str:
        return joined(self._url, quote(path) if self._is_web else path)

    def _objects(self, url: str, timeout_s: float) -> Iterator[StoredFile]:
        found: Mapping[str, Mapping[str, object]] = self._calls.within(timeout_s, "find", url, detail=True)
        base = str(self._filesystem._strip_protocol(url)).rstrip("/") + "/"
        _refuse_too_many(len(found))
        for name, entry in sorted(found.items()):
            if name.startswith(base) and not name.endswith("/") and entry.get("type") == "file":
                path = relative(name.removeprefix(base), shown(url))
                yield stored_file(path, entry, is_s3=self._scheme in {"s3", "s3a"})

    def _pages(self, url: str, timeout_s: float) -> Iterator[StoredFile]:
        end_s = self._clock.now() + timeout_s
        names = list(self._linked(f"{url}/", end_s, 0))
        _refuse_too_many(len(names))

        def ask(name: str) -> Any:
            return self._calls.within(max(0.0, end_s - self._clock.now()), "info", name)

        with ThreadPoolExecutor(_QUESTIONS_AT_ONCE, thread_name_prefix="list") as pool:
            entries = list(pool.map(ask, names))
        for name, entry in zip(names, entries, strict=True):
            yield stored_file(relative(unquote(name.removeprefix(f"{url}/")), shown(url)), entry, is_s3=False)

    def _linked(self, page: str, end_s: float, depth: int) -> Iterator[str]:
        """Return what index pages link to below themselves; other links (columns to sort by, the parent) are none."""
        if depth > _DEEPEST:
            raise InvalidArgument(f"{shown(page)} is more than {_DEEPEST} directories deep")
        links: Iterable[Mapping[str, object]] = self._calls.within(max(0.0, end_s - self._clock.now()), "ls", page)
        for name in sorted(str(link["name"]) for link in links):
            rest = name.removeprefix(page)
            if not name.startswith(page) or not rest.strip("/") or "?" in rest or "#" in rest or rest.startswith("."):
                continue
            if name.endswith("/"):
                yield from self._linked(name, end_s, depth + 1)
            else:
                yield name

    def _refuse_existing(self, path: str) -> None:
        try:
            there = self.list(_QUESTION_S, path)
        except SeawayError as err:
            if err.code == as_seaway_error(FileNotFoundError(), "").code:
                return
            raise
        if any(file.path in MODEL_FILES for file in there):
            raise AlreadyExists(
                f"{shown(joined(self._url, path))} holds a model already; give the new one a new number"
            )

    def _put(self, file: Path, path: str, watch: Watch) -> None:
        if watch.cancelled.is_set():
            raise Cancelled("it is no longer wanted")
        try:
            self._calls.unless(watch.cancelled, "put_file", str(file), self._name(path))
        except Exception as err:
            raise as_seaway_error(err, f"{path} cannot be written to {shown(self._url)}") from err
        watch.on_bytes(file.stat().st_size)

    def _take_back(self, path: str, names: Iterable[str]) -> None:
        """Remove what was put of a version that did not become whole, the graph first; what cannot be stays unseen."""
        for name in reversed(list(names)):
            with suppress(SeawayError):
                self.remove(f"{path}/{name}")


def _refuse_too_many(count: int) -> None:
    if count > MOST_FILES:
        raise InvalidArgument(f"{count} files are listed, more than {MOST_FILES}; is this the base path of one model?")
