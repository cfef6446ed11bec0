"""One thread that waits for everything workers send: replies, output, and word of their end.

Whoever registers a descriptor gets called in the pump's thread when it is readable, and must not wait there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import threading
from collections.abc import Callable
from typing import TypeAlias

_log = logging.getLogger(__name__)

OnReadable: TypeAlias = Callable[[], None]


class Pump:
    """A selector with a thread of its own."""

    def __init__(self) -> None:
        """Start the thread."""
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._wanted: dict[int, OnReadable] = {}  # changes for the thread to make
        self._woken, self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._closed = False
        self._thread = threading.Thread(target=self._turn, name="seaway-workers", daemon=True)
        self._thread.start()

    def watch(self, fd: int, on_readable: OnReadable) -> None:
        """Call `on_readable` whenever `fd` is readable, until it is forgotten."""
        with self._lock:
            self._wanted[fd] = on_readable
        self._wake_up()

    def forget(self, fd: int) -> None:
        """Stop watching; call from the pump's thread before closing `fd`."""
        with self._lock:
            self._wanted.pop(fd, None)
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def close(self) -> None:
        """End the thread once nothing more is readable."""
        with self._lock:
            self._closed = True
        self._wake_up()
        self._thread.join()
        self._selector.close()
        os.close(self._woken)
        os.close(self._wake)

    def _wake_up(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes just as well
            os.write(self._wake, b"\0")

    def _turn(self) -> None:
        while self._apply_changes():
            self._dispatch(None)
        while self._dispatch(0):  # the last words of processes that have ended
            pass

    def _dispatch(self, timeout_s: float | None) -> bool:
        """Call whoever has something to read; whether anybody had."""
        called = False
        for key, _ in self._selector.select(timeout_s):
            if key.fd == self._woken:
                os.read(self._woken, 4096)
            elif key.fd in self._selector.get_map():
                self._call(key.fd, key.data)
                called = True
        return called

    def _apply_changes(self) -> bool:
        with self._lock:
            wanted, self._wanted = self._wanted, {}
            for fd, on_readable in wanted.items():
                self._selector.register(fd, selectors.EVENT_READ, on_readable)
            return not self._closed

    def _call(self, fd: int, on_readable: OnReadable) -> None:
        try:
            on_readable()
        except Exception:
            # Whoever failed would fail again at once, for ever: it is not called any more.
            _log.exception("what a worker sent could not be handled")
            self.forget(fd)
