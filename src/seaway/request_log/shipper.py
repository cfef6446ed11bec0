"""Takes the plane's complete files on: into the form that is asked for, and to the URL that they go to.

    complete TFRecord ─► converted ─► beside it, the TFRecord removed
                         converted ─► uploaded, and removed here

One thread does it, outside the request path: neither a store that is away nor a file that takes long delays an answer.
What could not be uploaded waits in the spool, also over a restart; beyond the bound the oldest go. Which file is next
and which must go is decided in `stock.py`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from seaway.clock import Clock
from seaway.errors import SeawayError
from seaway.protos.tfrecord import read_tfrecords
from seaway.request_log.entry import Entry, entry_of
from seaway.request_log.spool import SPOOL, Spool, claim, complete_parts, exclusively, left_by_others
from seaway.request_log.stock import LogFile, is_part, parse, prefix_of, too_many
from seaway.request_log.uploader import Uploader
from seaway.request_log.writing import TFRECORD, Form, write_entries
from seaway.settings.log_prefix import destination, is_url

log = logging.getLogger(__name__)

Count = Callable[[str, int], None]
"""Counts files by what became of them: converted, uploaded, failed, dropped."""
_LOOK_S = 0.5
_ADOPT_S = 30.0
_PAUSE_S = 10.0
"""Until the next conversion, after the disk has failed one."""
_DAMAGED = ".damaged"


@dataclass(frozen=True, slots=True)
class Orders:
    """What a shipper is to do. `root` has the spool; `most_bytes` bounds the files of each prefix.

    Of these bytes, `next_bytes` are kept free for the file that the plane writes next.
    """

    form: Form
    root: Path
    replica: str
    most_bytes: int
    next_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Outlet:
    """The files of one prefix; `destination` is the URL of the directory that they go to, empty if they stay."""

    directory: Path
    prefix: str
    destination: str = ""
    replica: str = ""


class Shipper:
    """Ships the files of one server."""

    def __init__(self, orders: Orders, uploader: Uploader, count: Count, clock: Clock) -> None:
        """Own nothing yet: the spool is made when something goes to a URL."""
        self._orders = orders
        self._uploader = uploader
        self._count = count
        self._clock = clock
        self._local: set[Outlet] = set()
        self._own: Spool | None = None
        self._adopted: list[Spool] = []
        self._adopt_at = self._convert_at = 0.0
        self._waiting: dict[Outlet, set[LogFile]] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()

    def write_prefix(self, prefix: str) -> str | None:
        """Return where the plane writes what goes to a prefix; None if nowhere, which was said in the log."""
        if not is_url(prefix):
            if self._orders.form != TFRECORD:
                with self._lock:
                    self._local.add(Outlet(Path(prefix).parent, Path(prefix).name))
            return prefix
        try:
            return self._spool().local_prefix(prefix)
        except SeawayError as err:
            self._tell(f"requests are not logged to {prefix}: {err.message}")
            return None

    def run(self, stop: threading.Event) -> None:
        """Look again and again until told to stop."""
        while not stop.is_set():
            self.look(stop)
            self._clock.wait(stop, _LOOK_S)

    def finish(self) -> None:
        """Ship what is there now, trying every place once more, and give the spool up."""
        self._uploader.forgive()
        self.look(threading.Event())
        with self._lock:
            own, self._own = self._own, None
        for spool in (*self._adopted, *([own] if own is not None else [])):
            spool.release()
        self._adopted = []

    def look(self, stop: threading.Event) -> None:
        """Take every complete file on; one that fails is tried at another look, and holds up no other place."""
        self._try("what other servers have left", self._adopt)
        outlets: list[Outlet] = []
        self._try("the directory of files that wait", lambda: outlets.extend(self._outlets()))
        for outlet in outlets:
            self._try(f"files of the request log in {outlet.directory}", partial(self._ship, outlet, stop))

    def _try(self, what: str, work: Callable[[], None]) -> None:
        """Do something, and say once what went wrong if that is not expected."""
        try:
            work()
        except Exception as err:
            text = f"{what} could not be taken on: {err!r}"
            if text not in self._told:
                self._told.add(text)
                log.exception("%s", text)

    def _spool(self) -> Spool:
        with self._lock:
            if self._own is None:
                self._own = claim(self._orders.root, self._orders.replica)
                for place in self._own.places():
                    complete_parts(place)
            return self._own

    def _adopt(self) -> None:
        now = self._clock.now()
        if now < self._adopt_at:
            return
        self._adopt_at = now + _ADOPT_S
        for spool in self._adopted:
            spool.release()
        if self._own is None and (self._orders.root / SPOOL / self._orders.replica).is_dir():
            self._spool()  # what an earlier server of this name has left
        with self._lock:
            self._adopted = list(left_by_others(self._orders.root, self._own.directory if self._own else None))
        for spool in self._adopted:
            for place in spool.places():
                complete_parts(place)

    def _outlets(self) -> list[Outlet]:
        with self._lock:
            found, own = sorted(self._local, key=lambda each: (each.directory, each.prefix)), self._own
        for spool in (*([own] if own is not None else []), *self._adopted):
            for place in spool.places():
                prefixes = {prefix_of(each.name) for each in place.iterdir()}
                known = {outlet.prefix for outlet in self._waiting if outlet.directory == place}
                found += [
                    Outlet(place, prefix, destination(place.name), spool.replica)
                    for prefix in sorted((prefixes | known) - {""})
                ]
        return found

    def _ship(self, outlet: Outlet, stop: threading.Event) -> None:
        has_grown = False
        for file in self._complete(outlet):
            if stop.is_set():
                return
            taken: LogFile | None = file
            if file.form == TFRECORD and self._orders.form != TFRECORD:
                taken, has_grown = self._converted(outlet, file), True
            if taken is not None and outlet.destination:
                self._upload(outlet, taken)
        if has_grown or outlet.destination:
            self._bound(outlet)

    def _complete(self, outlet: Outlet) -> list[LogFile]:
        """Return the complete files, oldest first; what the plane has removed meanwhile is counted as dropped."""
        found = sorted(_files(outlet))
        if outlet.destination:
            self._dropped(outlet, len(self._waiting.get(outlet, set()) - set(found)))
            self._waiting[outlet] = set(found)
        return found

    def _converted(self, outlet: Outlet, file: LogFile) -> LogFile | None:
        """Return the file in the form that is asked for, in the place of the one that the plane wrote."""
        source = outlet.directory / file.name
        made = replace(file, form=self._orders.form)
        if self._clock.now() < self._convert_at:
            return None
        with exclusively(source) as is_ours:
            if not is_ours:
                return None
            while (outlet.directory / made.name).exists():  # of a replica with the same process id, in the same second
                made = replace(made, number=made.number + 1)
            if not self._convert(source, outlet.directory / made.name):
                return None
        self._gone(outlet, file)
        if outlet.destination:
            self._waiting[outlet].add(made)
        self._count("converted", 1)
        return made

    def _convert(self, source: Path, target: Path) -> bool:
        """Write `target` and remove `source`; False when that failed. A source that is damaged is set aside."""
        readable = _Readable(source)
        try:
            write_entries(target, self._orders.form, readable.entries)
        except SeawayError as err:
            self._tell(f"{source} cannot be converted, and is kept as {source.name}{_DAMAGED}: {err.message}")
            source.rename(source.with_name(source.name + _DAMAGED))
        except OSError as err:
            self._tell(f"files of the request log cannot be converted in {source.parent}, they wait: {err}")
            self._convert_at = self._clock.now() + _PAUSE_S
        else:
            if readable.refused:
                self._tell(f"records of {source} were left out: {min(readable.refused)}")
            source.unlink()
            return True
        self._count("failed", 1)
        return False

    def _upload(self, outlet: Outlet, file: LogFile) -> None:
        if not self._uploader.may_try(outlet.destination):
            return
        path = outlet.directory / file.name
        if not path.exists():
            return  # the plane has just removed it, which the next look counts
        if not self._uploader.upload(path, outlet.destination, file.name_of(outlet.replica)):
            if path.exists():
                self._count("failed", 1)
            return
        self._gone(outlet, file)
        path.unlink(missing_ok=True)
        self._count("uploaded", 1)

    def _bound(self, outlet: Outlet) -> None:
        sizes = [(file, _size(outlet.directory / file.name)) for file in _files(outlet)]
        parts = sum(_size(each) for each in _directory(outlet) if is_part(each.name, outlet.prefix))
        for file in too_many(sizes, max(parts, self._orders.next_bytes), self._orders.most_bytes):
            self._gone(outlet, file)
            (outlet.directory / file.name).unlink(missing_ok=True)
            if outlet.destination:
                self._dropped(outlet, 1)

    def _gone(self, outlet: Outlet, file: LogFile) -> None:
        self._waiting.get(outlet, set()).discard(file)

    def _dropped(self, outlet: Outlet, files: int) -> None:
        if files:
            self._count("dropped", files)
            self._tell(
                f"files for {outlet.destination} are more than request_log.max_total_bytes, "
                f"{self._orders.most_bytes} bytes: the oldest are dropped"
            )

    def _tell(self, text: str) -> None:
        """Say something once."""
        if text not in self._told:
            self._told.add(text)
            log.error("%s", text)


class _Readable:
    """The records of a file but for those that only a TFRecord can hold, and why."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.refused: set[str] = set()

    def entries(self) -> Iterator[Entry]:
        with self._path.open("rb") as file:
            for index, record in enumerate(read_tfrecords(file, str(self._path))):
                try:
                    entry = entry_of(record, f"record {index}")
                except SeawayError as err:
                    self.refused.add(err.message)
                else:
                    yield entry


def _directory(outlet: Outlet) -> list[Path]:
    with suppress(FileNotFoundError, NotADirectoryError):
        return list(outlet.directory.iterdir())
    return []


def _files(outlet: Outlet) -> list[LogFile]:
    found = (parse(each.name, outlet.prefix) for each in _directory(outlet))
    return [each for each in found if each is not None]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
