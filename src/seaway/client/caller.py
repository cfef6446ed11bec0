"""One call with everything around it: headers, deadline, the choice of an address, retries, and a second request.

It carries out what `balancing` and `retrying` decide, and knows nothing of models. The deadline is the call's: all
attempts and pauses lie within it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from seaway.client.address import Address
from seaway.client.endpoints import Endpoints
from seaway.client.exchange import Call, Exchange, Headers, Refusal, Reply
from seaway.client.headers import HeaderSource
from seaway.client.options import CallOptions, Options
from seaway.client.retrying import Attempt, Budget, Chance, delay_before_retry
from seaway.client.runtime import Runtime
from seaway.clock import Clock
from seaway.errors import DeadlineExceeded, FailedPrecondition

T = TypeVar("T")


class Caller:
    """Makes the calls of one client."""

    def __init__(self, endpoints: Endpoints, options: Options, runtime: Runtime, clock: Clock, chance: Chance) -> None:
        """Call nothing yet."""
        self._endpoints = endpoints
        self._options = options
        self._runtime = runtime
        self._clock = clock
        self._chance = chance
        self._headers = HeaderSource(options)
        self._budget = Budget(options.retry)
        self._closed = False

    async def call(self, call: Call[T], about: CallOptions) -> T:
        """Return what a call answers.

        Raises:  SeawayError - the one of the code that the last attempt failed with; its cause is the Refusal.
        """
        return call.decode(await self.reply(call.exchange, about))

    async def reply(self, exchange: Exchange, about: CallOptions) -> Reply:
        """Return the reply to an exchange; raises as above."""
        if self._closed:
            raise FailedPrecondition("this client is closed; make a new one")
        deadline = self._deadline_s(about)
        headers = self._headers.of(about)
        if self._endpoints.needs_names:
            await self._endpoints.resolve(self._runtime)
        attempts = partial(self._attempts, exchange, headers, deadline, set())
        after_s = self._options.hedge_after_s
        try:
            if after_s is None or not exchange.may_repeat:
                return await attempts()
            return await self._runtime.first(attempts, after_s, self._budget.has_room)
        except Refusal as refusal:
            raise refusal.error() from refusal

    def begun(self, about: CallOptions) -> CallOptions:
        """Return the options of a call that consists of several, which share its time."""
        return CallOptions(about.timeout_s, about.request_id, about.traceparent, self._deadline_s(about))

    async def close(self) -> None:
        """Close the connections; no call is possible afterwards."""
        self._closed = True
        await self._runtime.close()
        await self._endpoints.close()

    def _deadline_s(self, about: CallOptions) -> float:
        if about.deadline_s is not None:
            return about.deadline_s
        return self._clock.now() + (self._options.timeout_s if about.timeout_s is None else about.timeout_s)

    async def _attempts(self, exchange: Exchange, headers: Headers, deadline: float, asked: set[Address]) -> Reply:
        """Ask until there is an answer or no further attempt; `asked` is shared with a second request."""
        number = 0
        while True:
            number += 1
            address = self._endpoints.pick(asked)
            asked.add(address)
            remaining_s = deadline - self._clock.now()
            if remaining_s <= 0:
                raise Refusal(DeadlineExceeded.code, f"the deadline of the call to {address} has passed")
            try:
                reply = await self._endpoints.transport(address).send(exchange, headers, remaining_s)
            except Refusal as refusal:
                await self._pause(refusal, address, self._attempt(number, deadline, asked, exchange))
            else:
                self._endpoints.answered(address)
                self._budget.put_back()
                return reply

    def _attempt(self, number: int, deadline: float, asked: set[Address], exchange: Exchange) -> Callable[[], Attempt]:
        return lambda: Attempt(
            number, deadline - self._clock.now(), self._endpoints.has_another(asked), exchange.may_repeat
        )

    async def _pause(self, refusal: Refusal, address: Address, attempt: Callable[[], Attempt]) -> None:
        """Wait until the next attempt, or raise the refusal where there is none."""
        if not refusal.is_passing:
            raise refusal
        if refusal.blames_address:
            self._endpoints.failed(address)
        has_tokens = self._budget.take()
        delay_s = delay_before_retry(attempt(), refusal, self._options.retry, self._chance())
        if delay_s is None or not has_tokens:
            raise refusal
        if delay_s > 0:
            await self._runtime.sleep(delay_s)
