"""Who may change something: whoever knows the password. Sessions live in memory and end with the process.

Reading is open to whoever reaches the page; there is one password and no users.
"""

from __future__ import annotations

import hmac
import secrets
import threading

from seaway.clock import Clock

COOKIE = "seaway_monitor"
SESSION_S = 12 * 3600.0
TRIES = 10
TRIES_S = 60.0
_MOST_SESSIONS = 1000

HOW_TO_ENABLE = (
    "This page only shows: silencing and actions are off. Start `seaway monitor` with --password-file to enable them, "
    "or set `monitor.password` of a deployment."
)
LOG_IN_FIRST = "Log in to silence alerts and to act."


class Access:
    """Checks passwords and remembers who logged in. Safe to call from any thread."""

    def __init__(self, password: str, clock: Clock) -> None:
        """Without a password nobody may change anything."""
        self._password = password.encode()
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[str, float] = {}
        self._failures: list[float] = []

    @property
    def is_possible(self) -> bool:
        """Whether there is a password to log in with."""
        return bool(self._password)

    def log_in(self, password: str) -> str | None:
        """Return a session's token, or None when the password is wrong or was guessed at too often."""
        now = self._clock.now()
        with self._lock:
            self._failures = [at for at in self._failures if now - at < TRIES_S]
            if not self._password or len(self._failures) >= TRIES:
                return None
            if not hmac.compare_digest(password.encode("utf-8", "surrogatepass"), self._password):
                self._failures.append(now)
                return None
            self._sessions = {token: end for token, end in self._sessions.items() if end > now}
            if len(self._sessions) >= _MOST_SESSIONS:
                del self._sessions[min(self._sessions, key=lambda token: self._sessions[token])]
            token = secrets.token_urlsafe(32)
            self._sessions[token] = now + SESSION_S
            return token

    def log_out(self, token: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(token, None)

    def allows(self, token: str) -> bool:
        """Tell whether a session may change something now."""
        with self._lock:
            return self._sessions.get(token, float("-inf")) > self._clock.now()

    def sentence(self, token: str) -> str:
        """Return what to say about why nothing can be changed; empty when it can."""
        if not self.is_possible:
            return HOW_TO_ENABLE
        return "" if self.allows(token) else LOG_IN_FIRST
