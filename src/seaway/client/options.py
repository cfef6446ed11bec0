"""What a client may be told about how to call, once, when it is made.

Values only. `Options` is what the code reads; `Settings` is the same as keywords of a client, for a type checker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

from seaway.client.inputs import Check
from seaway.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class Secret:
    """A text that is sent and never shown."""

    text: str = field(repr=False)

    def __str__(self) -> str:
        """Return that there is one."""
        return "[REDACTED]"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Tls:
    """What TLS is spoken with; the paths are of PEM files."""

    ca_file: Path | str | None = None
    """Authorities that sign the server's certificate; the system's when None."""
    cert_file: Path | str | None = None
    """The client's own certificate, where the server asks for one."""
    key_file: Path | str | None = None

    def __post_init__(self) -> None:
        """Refuse half of a certificate."""
        if (self.cert_file is None) != (self.key_file is None):
            raise InvalidArgument("cert_file and key_file belong together: give both, or neither")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a call is made again that did not get an answer.

    Source: grpc.io/docs/guides/retry and gRFC A6 for the back-off and the budget.
    """

    max_attempts: int = 3
    """Of one call, the first included; 1 is no retry."""
    initial_backoff_s: float = 0.05
    max_backoff_s: float = 2.0
    backoff_multiplier: float = 2.0
    budget_tokens: float = 10.0
    """A retry takes one of these; below half of them nothing is tried again."""
    budget_per_success: float = 0.1
    """What an answer puts back."""

    def __post_init__(self) -> None:
        """Refuse what would never end, or never begin."""
        if self.max_attempts < 1:
            raise InvalidArgument(f"max_attempts cannot be {self.max_attempts}; 1 is a call without a retry")


@dataclass(frozen=True, slots=True)
class Options:
    """How a client calls."""

    timeout_s: float = 60.0
    """For a call with all its retries, unless the call says otherwise."""
    retry: RetryPolicy = RetryPolicy()
    hedge_after_s: float | None = None
    """Ask a second time when there is no answer yet, and take the first that comes; None never does."""
    concurrency: int = 4
    """Parts of a split batch that are under way at the same time."""
    max_batch_rows: int | None = None
    """Split what has more rows; None sends batches whole."""
    max_message_bytes: int | None = None
    """Split what is larger; None sends batches whole."""
    check: Check = "all"
    """What is compared with the model's signature before it is sent: `all`, `dtypes` or `none`."""
    tls: Tls | None = None
    token: str | Secret | None = None
    """Sent as `authorization: Bearer`."""
    token_file: Path | str | None = None
    """Read the token from here, again when the file changes."""
    request_id: Callable[[], str] | None = None
    """Gives the `x-request-id` of a call that names none."""
    traceparent: Callable[[], str] | None = None
    """Gives the `traceparent` of a call that names none; otherwise OpenTelemetry does, where a program imports it."""

    def __post_init__(self) -> None:
        """Refuse values that no call can be made with, and keep a token out of every repr."""
        if self.token is not None and self.token_file is not None:
            raise InvalidArgument("token and token_file are both given; keep one of them")
        if isinstance(self.token, str):
            object.__setattr__(self, "token", Secret(self.token))
        for name in ("timeout_s", "concurrency", "max_batch_rows", "max_message_bytes"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InvalidArgument(f"{name} cannot be {value}; give more than 0")


class Settings(TypedDict, total=False):
    """The fields of `Options`, as keywords."""

    timeout_s: float
    retry: RetryPolicy
    hedge_after_s: float | None
    concurrency: int
    max_batch_rows: int | None
    max_message_bytes: int | None
    check: Check
    tls: Tls | None
    token: str | Secret | None
    token_file: Path | str | None
    request_id: Callable[[], str] | None
    traceparent: Callable[[], str] | None


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What one call says about itself."""

    timeout_s: float | None = None
    request_id: str = ""
    traceparent: str = ""
    deadline_s: float | None = None
    """On the client's clock: what `timeout_s` becomes when a call begins that consists of several."""
