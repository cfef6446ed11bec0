"""The request log's part in a server's life: one thread beside the plane, and its figures among the metrics."""

from __future__ import annotations

import logging
import socket
import threading
from pathlib import Path

from seaway._core import Plane
from seaway.clock import Clock
from seaway.engines.onnx_cache import cache_directory
from seaway.request_log.shipper import Orders, Shipper
from seaway.request_log.uploader import Stores, Uploader
from seaway.request_log.writing import require_form
from seaway.serving.measure import Observation, tell
from seaway.settings.server import ServerSettings

log = logging.getLogger(__name__)

_FILES = "seaway_request_log_files_total"


class LogShipping:
    """The thread that takes the plane's files on."""

    def __init__(self, shipper: Shipper, grace_s: float) -> None:
        """Do nothing yet; `grace_s` is what the end of a server waits for it."""
        self._shipper = shipper
        self._grace_s = grace_s
        self._closing = threading.Event()
        # A daemon: a store that hangs must not keep a server from ending.
        self._thread = threading.Thread(target=self._run, name="request log", daemon=True)

    def write_prefix(self, prefix: str) -> str | None:
        """Return where the plane writes what goes to a prefix; None if nowhere."""
        return self._shipper.write_prefix(prefix)

    def start(self) -> None:
        """Take files on from now."""
        self._thread.start()

    def stop(self) -> None:
        """Ship what the plane has completed at its end, within the grace; what is left waits for the next server."""
        self._closing.set()
        if not self._thread.ident:
            return
        self._thread.join(self._grace_s)
        if self._thread.is_alive():
            log.warning(
                "files of the request log still wait after %g s; the next server here takes them on", self._grace_s
            )

    def _run(self) -> None:
        self._shipper.run(self._closing)
        self._shipper.finish()


def log_shipping(settings: ServerSettings, plane: Plane, clock: Clock) -> LogShipping:
    """Return the thread of a server, which is yet to be started.

    Raises:  FailedPrecondition - the form needs a package that is not installed.
    """
    request_log = settings.request_log
    require_form(request_log.format)
    orders = Orders(
        form=request_log.format,
        root=log_directory(settings),
        replica=settings.follow.replica or socket.gethostname(),
        most_bytes=request_log.max_total_bytes,
        next_bytes=min(request_log.max_file_bytes, request_log.max_total_bytes // 2),
    )

    def count(outcome: str, files: int) -> None:
        tell(plane, [Observation(_FILES, {"outcome": outcome}, files, "add")])

    return LogShipping(Shipper(orders, Uploader(Stores().put, clock), count, clock), request_log.upload_grace_s)


def log_directory(settings: ServerSettings) -> Path:
    """Return where the server keeps logs that have no absolute path, and files on their way to a URL."""
    directory = settings.request_log.directory
    return Path(directory).absolute() if directory else cache_directory("") / "request-log"
