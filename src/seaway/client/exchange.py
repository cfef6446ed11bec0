"""What goes to a server and what comes back, before either means anything.

A `Call` is an exchange and how its reply is read; a transport carries exchanges and knows no model. A refusal is what a
transport reports instead of a reply, with the canonical code that either API's own becomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeAlias, TypeVar

from seaway.errors import Cancelled, ResourceExhausted, SeawayError, Unavailable, from_code

T = TypeVar("T")
Headers: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request: a gRPC method or a REST path, and what is sent there."""

    path: str
    body: bytes | None = None
    method: str = "POST"
    headers: Headers = ()
    may_repeat: bool = True
    """Whether asking twice is as good as asking once."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """An exchange, and what its reply says."""

    exchange: Exchange
    decode: Callable[[Reply], T]


class Refusal(Exception):
    """A server's failure, or that of the way to it; the cause of the error that a caller sees."""

    def __init__(self, code: int, message: str, retry_after_s: float | None = None, *, answered: bool = True) -> None:
        """Keep what decides on a retry; `answered` is False where nobody was reached."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_s = retry_after_s
        self.answered = answered

    def error(self) -> SeawayError:
        """Return the error that a caller sees."""
        return from_code(self.code, self.message)

    @property
    def blames_address(self) -> bool:
        """Whether another address may do better."""
        return self.code == Unavailable.code

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed in a moment; a message that is too large never does."""
        if self.code == ResourceExhausted.code:
            return "larger than max" not in self.message
        return self.code == Unavailable.code

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody wants the answer any more."""
        return self.code == Cancelled.code


class Transport(Protocol):
    """Carries exchanges to one address."""

    async def send(self, exchange: Exchange, headers: Headers, timeout_s: float) -> Reply:
        """Return the reply.

        Raises:  Refusal - there is none, or it is an error.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...
