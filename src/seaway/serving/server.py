"""The life of one server: start, serve, drain, end.

    bind → load models → ready … SIGTERM → not ready → drain (bounded) → unload → workers gone → exit 0

Ports are bound first, so that one in use is known before anything is loaded. A second signal ends everything at once;
workers notice a server that is gone, however it went.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType

from seaway.clock import Clock, SystemClock
from seaway.serving.assembly import Server, assemble
from seaway.settings.server import ServerSettings
from seaway.stores.url import is_remote

log = logging.getLogger(__name__)

OK = 0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_JOIN_S = 0.2


Beside = Callable[[ServerSettings, Mapping[str, str | None]], AbstractContextManager[None]]
"""What else runs while a server does, given where it listens."""


def run(settings: ServerSettings, clock: Clock | None = None, beside: Beside | None = None) -> int:
    """Serve until a signal comes; return the exit code of the process. `beside` is entered once it listens.

    Raises:  SeawayError - the settings, the list of models or TensorFlow cannot be used; OSError - an address is taken.
    """
    clock = clock or SystemClock()
    stop = threading.Event()
    server = assemble(settings, clock)
    with _Signals(stop):
        try:
            addresses = server.start()
            _announce(addresses, settings.network.ports_file)
            threading.Thread(target=_become_ready, args=(server,), name="start", daemon=True).start()
            with beside(settings, addresses) if beside else nullcontext():
                _wait(stop)
            log.info("stopping: draining for up to %.0f s; a second signal ends it now", settings.drain.drain_timeout_s)
        finally:
            # In a thread of its own: a signal is only seen while the main thread runs Python.
            ending = threading.Thread(target=server.stop, name="stop")
            ending.start()
            while ending.is_alive():
                ending.join(_JOIN_S)
    log.info("stopped")
    return OK


def _wait(stop: threading.Event) -> None:
    while not stop.wait(1.0):
        pass


def _become_ready(server: Server) -> None:
    """Wait until every model serves or has failed once, then want requests.

    A server that follows a decision waits until all of it is served: there is another one to go on with meanwhile.
    """
    if server.following is not None:
        if server.following.wait_until_served(server.stopping):
            server.set_ready(True)
            log.info("ready: replica %s serves what was decided", server.following.replica)
        return
    models = server.models.models
    outcomes = server.repository.wait_until_tried(models, _longest_start_s(server))
    failed = {name: outcome.error for name, outcome in sorted(outcomes.items()) if outcome.error is not None}
    view = server.repository.view()
    for name, error in failed.items():
        if name not in view or view[name].problem is None:  # What is not found was told by the look for it.
            log.error("model %r is not served: %s: %s", name, error.name, error.message)
    server.set_ready(True)
    log.info("ready: %d of %d models are served", len(outcomes) - len(failed), len(outcomes))


def _longest_start_s(server: Server) -> float:
    """Return how long the models may take until each has been tried: a load, and a fetch where one comes first."""
    load_s, fetch_s = server.settings.models.load_timeout_s, server.settings.model_store.fetch_timeout_s
    return load_s + fetch_s if any(is_remote(model.base_path) for model in server.models.models) else load_s


def _announce(addresses: dict[str, str | None], ports_file: str) -> None:
    for key, value in addresses.items():
        if value is not None:
            log.info("serving %s on %s", "gRPC" if key.startswith("grpc") else "REST", value)
    if ports_file:
        # Written beside and moved, so that a reader never sees half of it.
        partial = Path(f"{ports_file}.{os.getpid()}.partial")
        partial.write_text(json.dumps(addresses) + "\n", encoding="utf-8")
        partial.replace(ports_file)


class _Signals:
    """Turns the first signal into a stop and the second into an end; the old handlers come back afterwards."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type] # what signal.signal gave

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self._stop.is_set():
            # Workers read end-of-file and leave too.
            os._exit(128 + number)
        self._stop.set()
