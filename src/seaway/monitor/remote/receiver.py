"""One receiver over HTTP: where it is, who we say that we are, and one try. It decides nothing.

The credentials are in a file that is read at each try, so that a token which is renewed there is taken up. Proxies are
not used and redirects not followed: either would bring the credentials to somebody else.
"""

from __future__ import annotations

import base64
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlsplit

from seaway.errors import InvalidArgument

TIMEOUT_S = 30.0
_MOST_SAID = 300
_FORM = "`Bearer TOKEN` or `Basic USER:PASSWORD`"


class Answer(NamedTuple):
    """What a receiver answered; `status` 0 is nothing, and `said` why. `retry_after` is the header's text."""

    status: int
    said: str = ""
    retry_after: str = ""


class Receiver(Protocol):
    """Where samples go."""

    @property
    def name(self) -> str:
        """Its address, without anything secret."""
        ...

    def send(self, content: bytes) -> Answer:
        """Try once."""
        ...


class HttpReceiver:
    """A receiver at an http or https address."""

    def __init__(self, url: str, credentials: Path | None = None, timeout_s: float = TIMEOUT_S) -> None:
        """Read the address, and the credentials once, to say early what is wrong with them.

        Raises:  InvalidArgument - the address or the file is not what it should be; says what it should.
        """
        try:
            parts = urlsplit(url)
            self._port = parts.port
        except ValueError as err:
            raise InvalidArgument(f"--remote-write: the address cannot be read: {err}") from None
        if parts.username is not None:
            raise InvalidArgument(
                f"--remote-write: the address of {parts.hostname} holds a password, which every user of the machine "
                f"can see; put {_FORM} into a file and name it with --remote-write-auth"
            )
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InvalidArgument(f"--remote-write {url!r}: expected a URL, as in http://prometheus:9090/api/v1/write")
        self._kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        self._host = parts.hostname
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        self._target = f"{path}?{quote(parts.query, safe='/%:@!$&()*+,;=~?')}" if parts.query else path
        self._credentials = credentials
        self._timeout_s = timeout_s
        self.name = parts._replace(query="", fragment="").geturl()
        if credentials is not None:
            authorization(credentials)

    def send(self, content: bytes) -> Answer:
        """Post the request, once."""
        headers = {
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "snappy",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
            "User-Agent": "seaway",
            "Connection": "close",
        }
        try:
            if self._credentials is not None:
                headers["Authorization"] = authorization(self._credentials)
        except InvalidArgument as err:
            return Answer(0, err.message)
        connection = self._kind(self._host, self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", self._target, content, headers)
            with connection.getresponse() as response:
                said = response.read(_MOST_SAID).decode(errors="replace")
                retry_after = response.headers.get("Retry-After", "")
                return Answer(response.status, f"{response.status} {response.reason} {said}".strip(), retry_after)
        except (OSError, HTTPException, ValueError) as err:
            return Answer(0, f"no answer: {err or type(err).__name__}")
        finally:
            connection.close()


def authorization(file: Path) -> str:
    """Return the header that a file stands for. Raises: InvalidArgument - the file cannot be read or holds none."""
    try:
        scheme, _, secret = file.read_text("utf-8").strip().partition(" ")
    except (OSError, UnicodeDecodeError) as err:
        reason = getattr(err, "strerror", None) or "it is no text"
        raise InvalidArgument(f"--remote-write-auth: {file} cannot be read: {reason}") from None
    secret = secret.strip()
    is_basic = scheme.lower() == "basic" and ":" in secret
    is_bearer = scheme.lower() == "bearer" and secret.isascii() and secret.isprintable() and bool(secret)
    if not (is_basic or is_bearer):
        raise InvalidArgument(f"--remote-write-auth: {file} is not of the form {_FORM}, on one line")
    return f"Basic {base64.b64encode(secret.encode()).decode()}" if is_basic else f"Bearer {secret}"
