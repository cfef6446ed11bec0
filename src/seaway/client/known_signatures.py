"""The signatures that a client has fetched, each once, and when they are fetched again.

A version that takes something else may have come since: a request that does not fit, whether this client or the server
says so, is reason to look again, though not more often than once a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from seaway.client.model import ModelRef
from seaway.client.signature import Signatures
from seaway.clock import Clock
from seaway.errors import DeadlineExceeded, PermissionDenied, SeawayError, Unauthenticated, Unavailable, Unimplemented

_FRESH_S = 1.0
_LASTING = (Unimplemented, PermissionDenied)
_UNTOLD_FOR_S = 60.0


@dataclass(frozen=True, slots=True)
class Known:
    """What a server told of a model, or why it did not."""

    signatures: Signatures | None
    fetched_s: float
    failure: SeawayError | None = None

    def is_fresh(self, now_s: float) -> bool:
        """Whether fetching it again would tell nothing new."""
        return now_s - self.fetched_s < _FRESH_S


class KnownSignatures:
    """Signatures by model and version or label."""

    def __init__(self, clock: Clock) -> None:
        """Know nothing."""
        self._clock = clock
        self._known: dict[ModelRef, Known] = {}

    async def get(self, model: ModelRef, fetch: Callable[[], Awaitable[Signatures]]) -> Known:
        """Return what is known of a model, after asking for it where nothing is.

        A server that does not tell is no failure: requests then go unchecked.

        Raises:  Unavailable, DeadlineExceeded, Unauthenticated - a prediction would fail in the same way.
        """
        known = self._known.get(model)
        if known is not None and (known.failure is None or self._clock.now() - known.fetched_s < _UNTOLD_FOR_S):
            return known
        return await self.refresh(model, fetch)

    async def refresh(self, model: ModelRef, fetch: Callable[[], Awaitable[Signatures]]) -> Known:
        """Ask again, and return what is known now; raises as above."""
        try:
            known = Known(await fetch(), self._clock.now())
        except (Unavailable, DeadlineExceeded, Unauthenticated):
            raise
        except SeawayError as err:
            known = Known(None, self._clock.now(), err)
        if known.failure is None or isinstance(known.failure, _LASTING):
            self._known[model] = known
        else:
            self._known.pop(model, None)
        return known

    def is_stale(self, model: ModelRef) -> bool:
        """Whether what is known of a model may have changed since it was fetched."""
        known = self._known.get(model)
        return known is not None and not known.is_fresh(self._clock.now())
