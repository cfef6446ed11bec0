"""Keeps the plane's table of routes equal to what the repository says is loaded."""

from __future__ import annotations

import logging
import threading

from seaway._core import Plane, StatusError
from seaway.repository.routes import WritePrefix, routes_json
from seaway.repository.snapshot import RepositoryView
from seaway.serving.served import ServedVersions

log = logging.getLogger(__name__)


class Publisher:
    """Publishes at every change of a state, and again when what is shown beside the states has changed."""

    def __init__(self, plane: Plane, served: ServedVersions, write_prefix: WritePrefix = str) -> None:
        """Publish nothing yet; `write_prefix` says where the plane writes the log of a prefix."""
        self._write_prefix = write_prefix
        self._plane = plane
        self._served = served
        self._lock = threading.Lock()
        self._view: RepositoryView = {}
        self._last = ""

    def show(self, view: RepositoryView) -> None:
        """Publish a new view; has done so when it returns."""
        with self._lock:
            self._view = view
            self._publish()

    def refresh(self) -> None:
        """Publish the last view again, with fresh measurements."""
        with self._lock:
            self._publish()

    def _publish(self) -> None:
        routes = routes_json(self._view, self._served.channels(), self._served.shown(), self._write_prefix)
        if routes == self._last:
            return
        try:
            self._plane.publish(routes)
            self._last = routes
        except StatusError as err:
            log.error("the routes could not be published: %s", err.message)
