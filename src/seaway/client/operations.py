"""Requests that a Seaway server accepts now and answers later: handles on what was submitted.

What an operation's document means is pure (`operation_status`, `result_of`); the two handles are the same, one
blocking and one awaitable. A submission carries an idempotency key, so that it can be repeated when its reply was lost.

Source: docs/operations.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from seaway.client.answer import Answer
from seaway.client.caller import Caller
from seaway.client.dtypes import Array
from seaway.client.exchange import Exchange, Refusal, Reply
from seaway.client.json_values import parsed
from seaway.client.model import Predict
from seaway.client.options import CallOptions
from seaway.client.over_rest import answer_in, code_named, predict, read_answer
from seaway.client.runtime import Runtime, finish
from seaway.client.transports.http_status import code_of_status
from seaway.clock import Clock
from seaway.errors import Cancelled, DataLoss, DeadlineExceeded, SeawayError, from_code

_ACCEPTED = 202
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_ENDED = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """How far an operation is."""

    id: str
    state: str
    """pending, running, done, failed or cancelled."""
    raw: Mapping[str, Any]
    """All that the server says of it: times, attempts, the result."""

    @property
    def has_ended(self) -> bool:
        """Whether nothing changes any more."""
        return self.state in _ENDED


def operation_status(document: Mapping[str, Any]) -> OperationStatus:
    """Return what an operation's document says.

    Raises:  DataLoss - it is no operation.
    """
    if "id" not in document or "state" not in document:
        raise DataLoss("the answer is no operation; is it a Seaway server's REST port?")
    return OperationStatus(str(document["id"]), str(document["state"]), document)


def result_of(status: OperationStatus, request: Predict) -> Answer:
    """Return the answer of an operation that has ended.

    Raises:  Cancelled - it was cancelled. SeawayError - it failed, or the model refused the request.
    """
    if status.state == "cancelled":
        raise Cancelled(f"operation {status.id} was cancelled")
    if status.state == "failed":
        failure = status.raw.get("error", {})
        code = failure.get("code", 2)
        raise _failed(status, code if isinstance(code, int) else code_named(code), failure.get("message", ""))
    response = status.raw.get("response", {})
    body = response.get("body")
    if response.get("status", 200) != 200:  # noqa: PLR2004 - HTTP's OK
        said = body.get("error", "") if isinstance(body, dict) else ""
        raise _failed(status, code_of_status(response["status"]), said)
    if not isinstance(body, dict):
        raise DataLoss(f"operation {status.id} is done, and holds no answer")
    answer = answer_in(request, body)
    version = status.raw.get("version")
    return replace(answer, version=int(version) if version is not None else None)


class Submission:
    """One operation, for both handles."""

    def __init__(self, caller: Caller, runtime: Runtime, clock: Clock, request: Predict) -> None:
        """Submit nothing yet."""
        self._caller = caller
        self._runtime = runtime
        self._clock = clock
        self._request = request
        self.status: OperationStatus | None = None
        self._answer: Answer | None = None

    async def submit(self, key: str, about: CallOptions) -> Submission:
        """Send the request; a server that has no operations answers it at once."""
        exchange = predict(self._request).exchange
        asked = (("prefer", "respond-async"), ("idempotency-key", key))
        reply = await self._caller.reply(replace(exchange, headers=asked), about)
        if reply.status == _ACCEPTED:
            self.status = operation_status(_document(reply))
        else:
            self._answer = read_answer(self._request, reply)
        return self

    async def look(self) -> OperationStatus:
        """Return how far it is."""
        return (await self._look())[0]

    async def result(self, timeout_s: float | None) -> Answer:
        """Wait for its end, and return the answer.

        Raises:  DeadlineExceeded - it has not ended; it goes on, and can be asked again. SeawayError - it failed.
        """
        end = None if timeout_s is None else self._clock.now() + timeout_s
        pause_s = _FIRST_PAUSE_S
        while self._answer is None:
            status, retry_after_s = await self._look()
            if status.has_ended:
                self._answer = result_of(status, self._request)
                break
            pause_s = min(pause_s * 2, max(retry_after_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            if end is not None and self._clock.now() + pause_s > end:
                raise DeadlineExceeded(
                    f"operation {status.id} is {status.state} after {timeout_s:g} s; ask again later"
                )
            await self._runtime.sleep(pause_s)
        return self._answer

    async def cancel(self) -> OperationStatus:
        """Cancel it where it has not ended; return how it is."""
        status = await self.look()
        if not status.has_ended:
            reply = await self._caller.reply(self._exchange("DELETE"), CallOptions())
            self.status = operation_status(_document(reply)) if reply.body else status
        return self.status or status

    async def _look(self) -> tuple[OperationStatus, float]:
        if self.status is None:
            return OperationStatus("", "done", {}), 0.0
        if self.status.has_ended:
            return self.status, 0.0
        reply = await self._caller.reply(self._exchange("GET"), CallOptions())
        self.status = operation_status(_document(reply))
        said = reply.headers.get("retry-after", "")
        return self.status, float(said) if said.isdecimal() else _LONGEST_PAUSE_S

    def _exchange(self, method: str) -> Exchange:
        name = self.status.id if self.status is not None else ""
        return Exchange(f"/v1/operations/{quote(name, safe='')}", None, method)


class Operation:
    """A submitted request of a blocking client."""

    def __init__(self, submission: Submission) -> None:
        """Hold what was submitted."""
        self._submission = submission

    @property
    def id(self) -> str:
        """The server's name for it; empty where the server answered at once."""
        return self._submission.status.id if self._submission.status is not None else ""

    def status(self) -> OperationStatus:
        """Return how far it is."""
        return finish(self._submission.look())

    def answer(self, timeout_s: float | None = None) -> Answer:
        """Wait for its end, and return the answer with the version that gave it.

        Raises:  DeadlineExceeded - it has not ended; it goes on, and can be asked again. Cancelled - it was cancelled.
                 SeawayError - it failed.
        """
        return finish(self._submission.result(timeout_s))

    def result(self, timeout_s: float | None = None) -> Array | dict[str, Array]:
        """Return what `predict` would have; raises as `answer`."""
        return self.answer(timeout_s).value()

    def cancel(self) -> OperationStatus:
        """Cancel it where it has not ended; return how it is."""
        return finish(self._submission.cancel())


class AsyncOperation:
    """A submitted request of an asynchronous client."""

    def __init__(self, submission: Submission) -> None:
        """Hold what was submitted."""
        self._submission = submission

    @property
    def id(self) -> str:
        """The server's name for it; empty where the server answered at once."""
        return self._submission.status.id if self._submission.status is not None else ""

    async def status(self) -> OperationStatus:
        """Return how far it is."""
        return await self._submission.look()

    async def answer(self, timeout_s: float | None = None) -> Answer:
        """Wait for its end, and return the answer; raises as `Operation.answer`."""
        return await self._submission.result(timeout_s)

    async def result(self, timeout_s: float | None = None) -> Array | dict[str, Array]:
        """Return what `predict` would have; raises as `Operation.answer`."""
        return (await self.answer(timeout_s)).value()

    async def cancel(self) -> OperationStatus:
        """Cancel it where it has not ended; return how it is."""
        return await self._submission.cancel()


def _document(reply: Reply) -> Mapping[str, Any]:
    document = parsed(reply.body)
    if not isinstance(document, dict):
        raise DataLoss("the answer is no JSON object; is it a model server's REST port?")
    return document


def _failed(status: OperationStatus, code: int, message: str) -> SeawayError:
    error = from_code(code or 2, f"operation {status.id} failed: {message}")
    error.__cause__ = Refusal(code or 2, message)
    return error
