"""Which process a version is loaded into: one of its own, or the one that small models share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from seaway.engines.registry import TENSORFLOW
from seaway.errors import SeawayError, Unavailable
from seaway.repository.ids import ServableId
from seaway.worker.launcher import WorkerLauncher
from seaway.worker.process import WorkerProcess

OnExit = Callable[[int], None]
_SHARED = "shared"


@dataclass(slots=True)
class _Shared:
    """The process that is shared, and who is to be told of its end."""

    worker: WorkerProcess
    tenants: dict[ServableId, OnExit] = field(default_factory=dict)


class Workers:
    """Gives out processes and takes them back."""

    def __init__(self, launcher: WorkerLauncher, is_shared: bool, retire_grace_s: float = 5.0) -> None:
        """Launch nothing yet."""
        self._launcher = launcher
        self._retire_grace_s = retire_grace_s
        self._lock = threading.Lock()
        self._shared: _Shared | None = None
        self.is_shared = is_shared

    def acquire(self, servable: ServableId, engine: str, on_exit: OnExit) -> WorkerProcess:
        """Return a process for a version; `on_exit` is told when it ends on its own.

        Raises:  Unavailable - no process could be started.
        """
        if not self.is_shared:
            # The fork server has TensorFlow's library open, which workers of other engines have no use for.
            worker = self._launcher.launch(f"{servable.name}/{servable.version}", forked=engine == TENSORFLOW)
            worker.on_exit(on_exit)
            return worker
        with self._lock:
            if self._shared is None:
                self._shared = _Shared(self._launcher.launch(_SHARED))
                self._shared.worker.on_exit(self._tell_tenants(self._shared))
            self._shared.tenants[servable] = on_exit
            return self._shared.worker

    def release(self, servable: ServableId, worker: WorkerProcess) -> None:
        """Take a process back: its own one ends, a shared one ends with its last version."""
        if self.is_shared and not self._leave(servable, worker):
            self._unload(servable, worker)
            return
        worker.retire(self._retire_grace_s)

    def _leave(self, servable: ServableId, worker: WorkerProcess) -> bool:
        """Strike a version off; return whether the process has none left and is nobody's now."""
        with self._lock:
            shared = self._shared
            if shared is None or shared.worker is not worker:
                return True
            shared.tenants.pop(servable, None)
            if not shared.tenants:
                self._shared = None
                return True
            return False

    def _unload(self, servable: ServableId, worker: WorkerProcess) -> None:
        try:
            worker.unload(servable.name, servable.version)
        except SeawayError as err:
            # The process is the only holder of the version: if it cannot answer, it has ended.
            if not isinstance(err, Unavailable):
                raise

    def _tell_tenants(self, shared: _Shared) -> OnExit:
        def ended(status: int) -> None:
            with self._lock:
                if self._shared is shared:
                    self._shared = None
                told = list(shared.tenants.values())
            for on_exit in told:
                on_exit(status)

        return ended
