"""One call to an fsspec file system, with an end: the time it may take, and somebody who may not want it any more.

A file system that works by coroutines has them run in fsspec's own thread, where one that hangs can be cancelled. The
others (memory, a few vendors') run in the caller's thread and end by themselves.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import TYPE_CHECKING, Any

from seaway.clock import Clock
from seaway.errors import Cancelled

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_STEP_S = 0.1


class Calls:
    """Calls the methods of one file system by their names."""

    def __init__(self, filesystem: AbstractFileSystem, clock: Clock) -> None:
        """Call nothing yet."""
        self._filesystem = filesystem
        self._clock = clock

    def within(self, timeout_s: float, method: str, *arguments: object, **named: object) -> Any:
        """Return what the method gives.

        Raises:  TimeoutError - it takes longer than that; whatever the file system raises.
        """
        return self._call(None, self._clock.now() + timeout_s, method, *arguments, **named)

    def unless(self, cancelled: threading.Event, method: str, *arguments: object, **named: object) -> Any:
        """Return what the method gives, however long it takes.

        Raises:  Cancelled - the event was set meanwhile; whatever the file system raises.
        """
        return self._call(cancelled, None, method, *arguments, **named)

    def _call(
        self, cancelled: threading.Event | None, end_s: float | None, method: str, *arguments: object, **named: object
    ) -> Any:
        filesystem = self._filesystem
        if not filesystem.async_impl:
            return getattr(filesystem, method)(*arguments, **named)
        coroutine = getattr(filesystem, f"_{method}")(*arguments, **named)
        future = asyncio.run_coroutine_threadsafe(coroutine, filesystem.loop)
        try:
            self._wait(future, cancelled, end_s)
        except BaseException:
            future.cancel()
            raise
        return future.result()

    def _wait(
        self, future: concurrent.futures.Future[Any], cancelled: threading.Event | None, end_s: float | None
    ) -> None:
        begun_s = self._clock.now()
        while not concurrent.futures.wait([future], timeout=_STEP_S).done:
            if cancelled is not None and cancelled.is_set():
                raise Cancelled("it is no longer wanted")
            if end_s is not None and self._clock.now() > end_s:
                raise TimeoutError(f"no answer within {end_s - begun_s:.0f} s")
