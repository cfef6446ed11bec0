"""Where messages go: a chat, a mailbox or a program, each behind `Channel`.

A channel sends once and raises when that failed; when to try again is not its business. An error that stays an error
(InvalidArgument, NotFound, PermissionDenied, Unauthenticated) is told apart from one that may pass (Unavailable).
Addresses are secrets, so no error, log or repr shows more of one than scheme and host; errors are raised `from None`
because the traceback of what they come from holds the address.
"""

from __future__ import annotations

import base64
import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, quote, unquote, urlsplit

from seaway.errors import (
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    SeawayError,
    Unauthenticated,
    Unavailable,
)
from seaway.monitor.notify.message import CUT, Notice, safe, webhook_json, worst_first
from seaway.monitor.notify.secret_url import hidden, scrubbed
from seaway.settings.secret import Secret

if TYPE_CHECKING:
    from apprise import Apprise, NotifyType
    from apprise.plugins.base import NotifyBase

WEBHOOK_TIMEOUT_S = 10.0
MAX_REASON_CHARS = 500
MAX_ANSWER_BYTES = 400
MIN_BODY_BYTES = 64


class Channel(Protocol):
    """One way to tell somebody."""

    @property
    def name(self) -> str:
        """Return what the user calls it."""
        ...

    def send(self, title: str, body: str, notices: Sequence[Notice]) -> None:
        """Send one message, once.

        Raises:  SeawayError - it was not accepted; the message names no secret.
        """
        ...


class AppriseChannel:
    """Mail, Slack, DingTalk, WeCom, Feishu and the other services of apprise, chosen by the scheme of the address."""

    def __init__(self, name: str, url: Secret) -> None:
        """Let apprise read the address.

        Raises:
            InvalidArgument: apprise refuses the address.
            FailedPrecondition: apprise is not installed.
        """
        self.name = name
        self._url = url
        self._apprise, self._service = _service(name, url)
        self._cuts_itself = "overflow=" in url.reveal().lower()

    def send(self, title: str, body: str, notices: Sequence[Notice]) -> None:
        """Send through apprise, cut to what the service takes unless the address says what to do (`overflow=`).

        Raises:  Unavailable - the service did not take it, with what apprise logged.
        """
        from apprise import NotifyFormat  # noqa: PLC0415 - as in _service

        if not self._cuts_itself:
            body = _fitting(title, body, self._service.body_maxlen)
        with _apprise_log() as said:
            try:
                is_sent = bool(
                    self._apprise.notify(
                        body=body, title=title, notify_type=_notify_type(notices), body_format=NotifyFormat.TEXT
                    )
                )
            except Exception as err:
                is_sent = False
                said.append(f"{type(err).__name__}: {err}")
        if not is_sent:
            why = _reason("; ".join(said), self._url) or "apprise gave no reason"
            raise Unavailable(f"{hidden(self._url)} did not take the message: {why}")

    def __repr__(self) -> str:
        """Never the address."""
        return f"AppriseChannel({self.name!r}, {hidden(self._url)})"


class WebhookChannel:
    """Posts JSON to an http or https address; proxies are not used and redirects not followed."""

    def __init__(self, name: str, url: Secret, timeout_s: float = WEBHOOK_TIMEOUT_S) -> None:
        """Read the address; `user:password@` in it becomes basic authentication.

        Raises:  InvalidArgument - it is not an http or https address.
        """
        self.name = name
        self._url = url
        self._timeout_s = timeout_s
        self._parts, self._port = _http_address(name, url)
        path = quote(self._parts.path or "/", safe="/%:@!$&'()*+,;=~")
        query = quote(self._parts.query, safe="/%:@!$&'()*+,;=~?")
        self._target = f"{path}?{query}" if query else path

    def send(self, title: str, body: str, notices: Sequence[Notice]) -> None:
        """Post the message; any 2xx answer is success.

        Raises:
            Unavailable: no answer in time, or one that may be different next time (408, 425, 429, 5xx).
            InvalidArgument: another answer, which trying again does not change; or NotFound (404, 410),
                Unauthenticated (401), PermissionDenied (403).
        """
        content = webhook_json(title, body, notices)
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        connection = kind(self._parts.hostname or "", self._port, timeout=self._timeout_s)
        try:
            connection.request("POST", self._target, content, self._headers())
            with connection.getresponse() as response:
                status, reason = response.status, response.reason
                is_sent = status // 100 == 2  # noqa: PLR2004
                answer = b"" if is_sent else response.read(MAX_ANSWER_BYTES)
        except (OSError, HTTPException, ValueError) as err:
            why = _reason(f"{type(err).__name__}: {err}", self._url)
            raise Unavailable(f"{hidden(self._url)} could not be reached: {why}") from None
        finally:
            connection.close()
        if not is_sent:
            said = _reason(f"{status} {reason} {answer.decode(errors='replace')}".strip(), self._url)
            raise _answered(status, f"{hidden(self._url)} answered {said}")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "seaway", "Connection": "close"}
        if self._parts.username is not None:
            user, password = unquote(self._parts.username), unquote(self._parts.password or "")
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return headers

    def __repr__(self) -> str:
        """Never the address."""
        return f"WebhookChannel({self.name!r}, {hidden(self._url)})"


def _service(name: str, url: Secret) -> tuple[Apprise, NotifyBase]:
    try:
        # Takes a sixth of a second, and who has only webhooks does not need the package.
        from apprise import Apprise, AppriseAsset  # noqa: PLC0415
        from apprise.common import OverflowMode  # noqa: PLC0415
    except ImportError as err:
        raise FailedPrecondition(
            f"channel {safe(name)!r} needs apprise, which cannot be imported ({err}); install it: pip install apprise"
        ) from None
    with _apprise_log() as said:
        # Asynchronous, or with a time limit, calls run in a pool that all channels share: one that hangs stops all.
        asset = AppriseAsset(async_mode=False, service_timeout=0)
        all_of_them = Apprise(asset=asset)
        try:
            service = Apprise.instantiate(url.reveal(), asset=asset, suppress_exceptions=False)
        except Exception as err:
            service = None
            said.append(str(err))
    if service is None:
        why = _reason("; ".join(said), url) or "it knows no such service, or a part is missing"
        raise InvalidArgument(
            f"channel {safe(name)!r}: apprise refuses {hidden(url)}: {why}; see https://github.com/caronc/apprise/wiki"
        )
    if "overflow=" not in url.reveal().lower():
        service.overflow_mode = OverflowMode.TRUNCATE  # By default too long a message is refused each time.
    all_of_them.add(service)
    return all_of_them, service


def _notify_type(notices: Sequence[Notice]) -> NotifyType:
    from apprise import NotifyType  # noqa: PLC0415 - as in _service

    worst = worst_first(notices)[0]
    if worst.state == "resolved":
        return NotifyType.SUCCESS
    if worst.state == "test":
        return NotifyType.INFO
    return {"page": NotifyType.FAILURE, "ticket": NotifyType.WARNING, "info": NotifyType.INFO}[worst.severity]


def _fitting(title: str, body: str, limit: int) -> str:
    """Return the body cut so that it and the title have at most `limit` bytes: some services count those."""
    room = max(limit - len(title.encode()) - 2, MIN_BODY_BYTES)
    encoded = body.encode()
    return body if len(encoded) <= room else encoded[: room - len(CUT.encode())].decode(errors="ignore") + CUT


class _KeepOut(logging.Filter):
    """Collects what a thread logs while it is with apprise, and lets what all others log pass."""

    def __init__(self) -> None:
        super().__init__()
        self.of_this_thread = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        said: list[str] | None = getattr(self.of_this_thread, "said", None)
        if said is None:
            return True
        if record.levelno >= logging.WARNING:
            said.append(record.getMessage())
        return False


_KEEP_OUT = _KeepOut()
# urllib3 logs the path of each request, which is the secret of many services.
_TELLTALES = ("apprise", "urllib3.connectionpool")


@contextmanager
def _apprise_log() -> Iterator[list[str]]:
    """Collect what this thread logs on behalf of apprise, instead of letting it into the log: it has secrets."""
    for name in _TELLTALES:
        # Adds it once, and it stays: a filter that is removed while another thread logs makes that thread skip one.
        logging.getLogger(name).addFilter(_KEEP_OUT)
    said: list[str] = []
    _KEEP_OUT.of_this_thread.said = said
    try:
        yield said
    finally:
        _KEEP_OUT.of_this_thread.said = None


def _reason(text: str, url: Secret) -> str:
    return safe(scrubbed(text, url), MAX_REASON_CHARS)


def _http_address(name: str, url: Secret) -> tuple[SplitResult, int | None]:
    expected = "a webhook needs an address like https://example.org/hook"
    text = url.reveal().strip()
    try:
        parts = urlsplit(text)
        port = parts.port
        # As a domain name is resolved, so that a name that cannot be one is refused here.
        is_host = bool(parts.hostname and parts.hostname.encode("idna"))
    except ValueError:
        raise InvalidArgument(f"channel {safe(name)!r}: {hidden(url)} is no address; {expected}") from None
    if parts.scheme not in ("http", "https") or not is_host or re.search(r"[\x00-\x20\x7f]", text):
        raise InvalidArgument(f"channel {safe(name)!r}: {hidden(url)} is not http or https; {expected}")
    return parts, port


_PASSING = frozenset({408, 425, 429})
_LASTING: dict[int, type[SeawayError]] = {
    401: Unauthenticated,
    403: PermissionDenied,
    404: NotFound,
    410: NotFound,
}


def _answered(status: int, message: str) -> SeawayError:
    if status in _PASSING or status >= 500:  # noqa: PLR2004
        return Unavailable(message)
    return _LASTING.get(status, InvalidArgument)(message)
