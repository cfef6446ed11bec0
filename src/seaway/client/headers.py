"""What a call says beside its request: who asks, and which trace and request it belongs to.

The same headers over both APIs. A token from a file is read again when the file changes, so that a rotated one is
picked up without a restart.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seaway.client.exchange import Headers
from seaway.client.options import CallOptions, Options, Secret
from seaway.errors import InvalidArgument


@dataclass(slots=True)
class TokenFile:
    """A token that lies in a file."""

    path: Path
    _stamp: tuple[int, int] = (0, 0)
    _token: Secret = Secret("")  # noqa: RUF009 - a frozen value

    def read(self) -> Secret:
        """Return the token as it is now.

        Raises:  InvalidArgument - the file cannot be read, or is empty.
        """
        try:
            status = self.path.stat()
            stamp = (status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                self._token, self._stamp = Secret(self.path.read_text(encoding="utf-8").strip()), stamp
        except OSError as err:
            raise InvalidArgument(f"token_file {str(self.path)!r} cannot be read: {err}") from err
        if not self._token.text:
            raise InvalidArgument(f"token_file {str(self.path)!r} is empty; write the token into it")
        return self._token


class HeaderSource:
    """Gives the headers of each call of a client."""

    def __init__(self, options: Options) -> None:
        """Read nothing yet."""
        self._token: Callable[[], Secret] | None = None
        if options.token_file is not None:
            self._token = TokenFile(Path(options.token_file)).read
        elif isinstance(options.token, Secret):
            token = options.token
            self._token = lambda: token
        self._request_id = options.request_id
        self._traceparent = options.traceparent or current_traceparent

    def of(self, call: CallOptions) -> Headers:
        """Return the headers of a call; all of its attempts have the same."""
        request_id = call.request_id or (self._request_id() if self._request_id is not None else "")
        found = (
            ("authorization", f"Bearer {self._token().text}" if self._token is not None else ""),
            ("x-request-id", request_id),
            ("traceparent", call.traceparent or self._traceparent()),
        )
        return tuple((name, value) for name, value in found if value)


def current_traceparent() -> str:
    """Return the `traceparent` of OpenTelemetry's current span, where a program has imported it and has one.

    Source: w3.org/TR/trace-context, "traceparent Header".
    """
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return ""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return ""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"
