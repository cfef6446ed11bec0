"""Serves a monitor over HTTP: its API, and the page where it is wanted."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import FastAPI

from seaway.clock import Clock
from seaway.errors import FailedPrecondition
from seaway.monitor.api import routes
from seaway.monitor.monitor import Monitor
from seaway.monitor.page.actions import Actions


def application(
    monitor: Monitor, clock: Clock, password: str, has_page: bool, actions: Actions | None = None
) -> FastAPI:
    """Return what answers. `actions` is what the page may do for who is logged in."""
    if has_page:
        from seaway.monitor.page.app import build  # noqa: PLC0415 - NiceGUI takes a second to import

        app: FastAPI = build(monitor, clock, password=password, actions=actions)
    else:
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(routes(monitor, clock))
    return app


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises:  FailedPrecondition - the port is taken, or may not be used.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as err:
        listener.close()
        raise FailedPrecondition(
            f"{address}:{port} cannot be listened on: {err.strerror}; choose another --listen "
            "(--monitor-listen of a server)"
        ) from err
    return listener


class Answering:
    """Answers in a thread of its own, so that signals stay with whoever runs it."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        """Begin to answer."""
        # Connections of open pages would hold up the end for as long as they are open.
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="http", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer what has been asked, for some seconds at most."""
        self._server.should_exit = True
        self._thread.join(5.0)
