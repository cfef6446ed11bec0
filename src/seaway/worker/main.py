"""What runs inside a worker: it holds loaded versions and does what the control channel says.

The main thread only reads control messages, so that it sees the server's end (end-of-file) at once and leaves, whatever
native code is doing; loading and unloading have threads of their own. Predictions never pass here: the model's own
threads answer the data socket. TensorFlow's know no Python; those of the other engines are in `hosted`.
"""

from __future__ import annotations

import base64
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn, Protocol

import msgspec

from seaway import _core
from seaway.engines import registry
from seaway.errors import SeawayError
from seaway.worker.control import (
    Done,
    Exit,
    Failed,
    Load,
    Loaded,
    LoadRequest,
    MessageSocket,
    ProtocolError,
    Reply,
    Request,
    Statistics,
    Stats,
    Unload,
    close_fds,
    request_decoder,
)
from seaway.worker.hosted import HostedModel
from seaway.worker.memory import own_usage

_INTERNAL = 13
_COMM = Path("/proc/self/comm")


def run(control: MessageSocket, name: str) -> NoReturn:
    """Serve the control channel until told to exit or the server is gone; never returns."""
    _COMM.write_text(name[:15])
    status = 0
    try:
        Worker(control).serve()
    except BaseException as error:
        print(f"seaway: worker {name}: {error!r}", file=sys.stderr, flush=True)
        status = 1
    # At once, and without destructors: native threads may be in the middle of a run that nobody waits for.
    os._exit(status)


class _Model(Protocol):
    """What a worker needs of a loaded version, whichever engine runs it."""

    def signatures(self) -> bytes: ...

    def serve(self, socket_fd: int, arena_fd: int, slots: int, stride_bytes: int, threads: int) -> None: ...

    def close(self) -> None: ...


class Worker:
    """The loaded versions of one process."""

    def __init__(self, control: MessageSocket) -> None:
        """Start with nothing loaded."""
        self._control = control
        self._lock = threading.Lock()
        self._models: dict[tuple[str, int], _Model] = {}
        self._loading: dict[tuple[str, int], threading.Event] = {}  # set when the load has ended

    def serve(self) -> None:
        """Do what arrives, until `exit` or the end of the channel.

        Raises:  ProtocolError - the manager sent what is not a request.
        """
        while (message := self._control.receive()) is not None:
            body, fds = message
            try:
                request: Request = request_decoder.decode(body)
            except msgspec.MsgspecError as err:
                raise ProtocolError(f"not a control request: {err}") from err
            if isinstance(request, Exit):
                return
            self._begin(request, fds)

    def _begin(self, request: Load | Unload | Stats, fds: list[int]) -> None:
        if isinstance(request, Stats):
            close_fds(fds)
            self._answer(request.id, lambda: _statistics(request.id))
        elif isinstance(request, Unload):
            close_fds(fds)
            self._in_background(request.id, lambda: self._unload(request))
        else:
            # Noted here, where messages have their order: an unload that comes next must find it.
            loading = self._loading[request.request.model, request.request.version] = threading.Event()
            self._in_background(request.id, lambda: self._load(request, fds, loading))

    def _in_background(self, request_id: int, work: Callable[[], Reply]) -> None:
        threading.Thread(target=self._answer, args=(request_id, work), daemon=True).start()

    def _answer(self, request_id: int, work: Callable[[], Reply]) -> None:
        try:
            reply: Reply = work()
        except (_core.StatusError, SeawayError) as error:
            reply = Failed(request_id, error.code, error.message)
        except Exception as error:
            reply = Failed(request_id, _INTERNAL, f"internal error in the worker: {error!r}")
        try:
            self._control.send(reply)
        except OSError:
            os._exit(0)  # the server is gone, and nobody is left to tell

    def _load(self, load: Load, fds: list[int], loading: threading.Event) -> Reply:
        request, start = load.request, time.monotonic()
        try:
            model = self._loaded(request, fds)
            with self._lock:
                self._models[request.model, request.version] = model
        finally:
            loading.set()
        return Loaded(load.id, model.signatures(), time.monotonic() - start)

    def _loaded(self, request: LoadRequest, fds: list[int]) -> _Model:
        """Load a model that answers the data socket; the descriptors are the model's, or closed.

        Raises:  StatusError, SeawayError - the engine refuses; ValueError - not a socket and an arena.
        """
        try:
            socket_fd, arena_fd = fds
            model = _model(request)
        except BaseException:
            close_fds(fds)
            raise
        model.serve(socket_fd, arena_fd, request.slots, request.stride_bytes, request.threads)
        return model

    def _unload(self, request: Unload) -> Reply:
        """Free a version, after its load if that is still going on; one that is not here is free already."""
        key = (request.model, request.version)
        loading = self._loading.pop(key, None)
        if loading is not None:
            loading.wait()
        with self._lock:
            model = self._models.pop(key, None)
        if model is not None:
            model.close()
        return Done(request.id)


def _model(request: LoadRequest) -> _Model:
    """Load with the engine that the request names."""
    path = Path(request.path)
    registry.check_servable(request.engine, path)
    if request.engine == registry.TENSORFLOW:
        return _core.TensorFlowModel.load(_load_settings(request))
    return HostedModel(registry.hosted(request.engine).load(path, request.engine_options))


def _load_settings(request: LoadRequest) -> str:
    settings = {
        "library": request.library,
        "path": request.path,
        "tags": request.tags,
        "custom_ops": request.custom_ops,
        "session_config": base64.b64encode(request.session_config).decode(),
    }
    return msgspec.json.encode(settings).decode()


def _statistics(request_id: int) -> Statistics:
    return Statistics(request_id, **asdict(own_usage()))
