"""Shows a view: once, as JSON lines, or live on a terminal's alternate screen."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import msgspec
from rich.console import Console
from rich.live import Live

from seaway.clock import Clock
from seaway.monitor.top.keys import SUSPEND, Keys
from seaway.monitor.top.screen import Wish, screen
from seaway.monitor.top.view import SORTS, View, ordered
from seaway.monitor.top.watch import Watch

_LOOKS_OF_ONE = 2
_TICK_S = 0.1
_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def after_two_looks(watch: Watch, clock: Clock) -> View:
    """Return the first view that has rates."""
    for _ in range(_LOOKS_OF_ONE - 1):
        begun = clock.now()
        watch.look()
        watch.pause(threading.Event(), begun)
    return watch.look()


def views(watch: Watch, clock: Clock) -> Iterator[View]:
    """Yield one view after the other, from the first that has rates on."""
    yield after_two_looks(watch, clock)
    while True:
        watch.pause(threading.Event(), clock.now())
        yield watch.look()


def as_json(view: View, sort: str) -> str:
    """Return a view as one line; names in it are ASCII, so that a terminal that shows them is not told anything."""
    return json.dumps(msgspec.to_builtins(ordered(view, sort))).replace("\x7f", "\\u007f")


def pressed(wish: Wish, key: str) -> Wish:
    """Return what the user wants after a key. Pure."""
    match key:
        case "s":
            return wish._replace(per_signature=not wish.per_signature)
        case "r":
            return wish._replace(sort=SORTS[(SORTS.index(wish.sort) + 1) % len(SORTS)])
        case "p":
            return wish._replace(is_paused=not wish.is_paused)
        case "?" | "h":
            return wish._replace(is_helping=not wish.is_helping)
        case _:
            return wish


def live(watch: Watch, console: Console, keys: Keys, wish: Wish) -> int:
    """Show views until the user quits; return the exit code.

    A signal ends it as a key does, so that the terminal is put back by the same lines. What ends the looks is raised
    after that.
    """
    stopping = threading.Event()
    looking = threading.Thread(target=watch.run, args=(stopping,), name="top", daemon=True)
    with _signals() as caught:
        looking.start()
        try:
            while (suspended := _shown(watch, console, keys, wish, caught)) is not None:
                os.kill(os.getpid(), signal.SIGTSTP)  # It goes on here when it is continued.
                wish = suspended
        finally:
            stopping.set()
            # A look that is under way may wait for a server; it is not waited for long.
            looking.join(1.0)
    return _exit_code(caught[0]) if caught else 0


def _shown(watch: Watch, console: Console, keys: Keys, wish: Wish, caught: list[int]) -> Wish | None:
    """Show views; return how to go on when the user suspends the program, None to end it."""
    view, drawn = watch.latest, None
    with keys, Live(console=console, screen=True, auto_refresh=False) as shown:
        while not caught:
            newest = watch.latest
            view = view if wish.is_paused else newest
            wish = wish._replace(has_keys=keys.is_open)
            width, height = console.size
            if drawn != (view, wish, width, height):
                drawn = (view, wish, width, height)
                shown.update(screen(view, wish, width, height), refresh=True)
            for key in keys.read(_TICK_S):
                if key == "q":
                    return None
                if key == SUSPEND:
                    return wish
                wish = pressed(wish, key)
    return None


@contextmanager
def signals_raise() -> Iterator[None]:
    """Let signals that would end the process at once end it as an exception does, so that it can tidy up."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(_exit_code(number))

    with _handled(end):
        yield


@contextmanager
def _signals() -> Iterator[list[int]]:
    """Note signals instead: an exception in the middle of putting the terminal back would leave it half put back."""
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        caught.append(number)

    with _handled(note):
        yield caught


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, other in before.items():
            signal.signal(number, other)


def _exit_code(number: int) -> int:
    """Return the exit code that shells give a program which a signal ended."""
    return 128 + number
