"""Single keys from a terminal. Whatever ends the program, the terminal is as it was before."""

from __future__ import annotations

import os
import re
import select
import termios
from contextlib import suppress
from types import TracebackType
from typing import Any

SUSPEND = "\x1a"
"""Control-Z, which comes as a key: the screen has to be put back before the program stops."""

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]?|O.|[^\[O])?", re.DOTALL)
"""Arrows and function keys (CSI and SS3), a key with Alt, and the escape key by itself; ECMA-48."""
_MOST = 64


class Keys:
    """Reads keys in a with statement. Without a terminal there never is one."""

    def __init__(self, descriptor: int) -> None:
        """Read from this file; nothing changes before the with statement."""
        self._descriptor = descriptor
        self._before: list[Any] | None = None
        self._is_open = os.isatty(descriptor)

    @property
    def is_open(self) -> bool:
        """Whether keys can come."""
        return self._is_open

    def __enter__(self) -> Keys:
        """Give each key as it is pressed, and do not show it."""
        if self._is_open:
            self._before = termios.tcgetattr(self._descriptor)
            own = termios.tcgetattr(self._descriptor)
            own[3] &= ~(termios.ECHO | termios.ICANON)
            own[6][termios.VMIN], own[6][termios.VTIME] = 1, 0
            own[6][termios.VSUSP] = b"\x00"
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, own)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the terminal back."""
        if self._before is not None:
            with suppress(termios.error):  # It is gone.
                termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
            self._before = None

    def read(self, timeout_s: float) -> str:
        """Return the keys that were pressed; nothing after a while without any."""
        if not self._is_open:
            select.select([], [], [], timeout_s)
            return ""
        ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
        if not ready:
            return ""
        try:
            found = os.read(self._descriptor, _MOST)
        except OSError:  # A terminal that was hung up.
            found = b""
        self._is_open = bool(found)
        return plain(found)


def plain(content: bytes) -> str:
    """Return the keys in what a terminal sent; those that send a sequence, such as arrows, mean nothing here. Pure."""
    return _SEQUENCE.sub(b"", content).decode("ascii", errors="ignore")
