"""Tells everyone who asked about each change of state, in order, in the thread that made the change.

Delivery is synchronous on purpose: when the manager goes on to the next step, every listener has seen this one.

Source: tensorflow_serving/util/event_bus.h.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Event = TypeVar("Event")


class EventBus(Generic[Event]):
    """A list of listeners; one that raises is logged and does not keep the others from hearing."""

    def __init__(self) -> None:
        """Start with nobody listening."""
        self._lock = threading.Lock()
        self._listeners: tuple[Callable[[Event], None], ...] = ()

    def subscribe(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Add a listener; the returned call takes it away again."""
        with self._lock:
            self._listeners = (*self._listeners, listener)
        return lambda: self._remove(listener)

    def publish(self, event: Event) -> None:
        """Hand the event to everyone who listens now."""
        for listener in self._listeners:
            try:
                listener(event)
            except Exception:
                log.exception("a listener failed on %s", event)

    def _remove(self, listener: Callable[[Event], None]) -> None:
        with self._lock:
            self._listeners = tuple(other for other in self._listeners if other is not listener)
