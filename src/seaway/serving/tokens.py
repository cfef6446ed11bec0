"""Bearer tokens from a file, which may change while the server runs."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from seaway.clock import Clock
from seaway.errors import InvalidArgument
from seaway.settings.secret import Secret

log = logging.getLogger(__name__)

POLL_S = 2.0


def read_tokens(file: str) -> tuple[Secret, ...]:
    """Return the tokens of a file: one a line, without empty lines and those that begin with `#`.

    Raises:  InvalidArgument - the file cannot be read, or holds no token: then nobody could call the server.
    """
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"network.tokens_file {file!r} cannot be read: {err}") from err
    found = tuple(Secret(line.strip()) for line in lines if line.strip() and not line.strip().startswith("#"))
    if not found:
        raise InvalidArgument(f"network.tokens_file {file!r} holds no token; write one a line")
    return found


def tokens_json(tokens: tuple[Secret, ...]) -> str:
    """Return tokens as the plane takes them."""
    return json.dumps([token.reveal() for token in tokens])


class TokensFile:
    """Gives the plane the tokens again when the file has changed; one that is broken leaves those before in force."""

    def __init__(self, file: str, given: tuple[Secret, ...], give: Callable[[str], None]) -> None:
        """`given` are in force already."""
        self._file = file
        self._given = given
        self._give = give
        self._complaint = ""

    def look(self) -> None:
        """Read the file once."""
        try:
            tokens = read_tokens(self._file)
        except InvalidArgument as err:
            if err.message != self._complaint:
                log.warning("%s; the tokens before stay in force", err.message)
            self._complaint = err.message
            return
        self._complaint = ""
        if [each.reveal() for each in tokens] != [each.reveal() for each in self._given]:
            self._given = tokens
            self._give(tokens_json(tokens))
            log.info("%d tokens are in force", len(tokens))

    def run(self, stop: threading.Event, clock: Clock) -> None:
        """Read it every few seconds until told to stop."""
        while not clock.wait(stop, POLL_S):
            self.look()
