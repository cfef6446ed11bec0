"""The ways to ask: the official stubs, and this client over both APIs, blocking and awaited.

Each kit carries the cases of the conformance table and gives back what came of them in one form, so that one suite
holds all of them to the same answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from seaway.client import Answer, AsyncClient, Client, TensorSpec
from seaway.errors import SeawayError
from tests.support.clients import Client as OfficialClient
from tests.support.conformance import carriers
from tests.support.conformance.cases import Examples, Predict, Spec
from tests.support.conformance.subject import Subject


class Kit(Protocol):
    """One way to ask a server."""

    def predict(self, case: Predict) -> carriers.Outcome: ...

    def examples(self, case: Examples) -> carriers.Outcome: ...

    def status(self, model: str) -> dict[int, str]: ...

    def close(self) -> None: ...


class OfficialStubs:
    """TensorFlow Serving's own stubs, with TensorFlow."""

    def __init__(self, subject: Subject) -> None:
        self._client = OfficialClient(subject.grpc_address)

    def predict(self, case: Predict) -> carriers.Outcome:
        return carriers.predict_over_grpc(self._client, case)

    def examples(self, case: Examples) -> carriers.Outcome:
        return carriers.examples_over_grpc(self._client, case)

    def status(self, model: str) -> dict[int, str]:
        return self._client.status(model)

    def close(self) -> None:
        self._client.channel.close()


@dataclass(frozen=True, slots=True)
class Asked:
    """A client, and how what its methods return is waited for."""

    client: Any
    finish: Callable[[Any], Any]
    end: Callable[[], None]


class SeawayClient:
    """This client; `asked` hides whether it blocks."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def predict(self, case: Predict) -> carriers.Outcome:
        inputs = {name: carriers.array(tensor) for name, tensor in case.inputs.items()}
        return self._outcome(
            lambda: self._asked.client.answer(case.spec.model, inputs, **named(case.spec)), self._predicted
        )

    def examples(self, case: Examples) -> carriers.Outcome:
        ask = getattr(self._asked.client, case.method)

        def results(value: Any) -> carriers.Outcome:
            if case.method == "regress":
                return carriers.Outcome(value.tolist())
            return carriers.Outcome([[[entry.label, entry.score] for entry in row] for row in value])

        return self._outcome(
            lambda: ask(case.spec.model, case.examples, context=case.context, **named(case.spec)), results
        )

    def status(self, model: str) -> dict[int, str]:
        found = self._asked.finish(self._asked.client.status(model))
        return {version.version: version.state for version in found}

    def inputs(self, model: str) -> dict[str, TensorSpec]:
        return dict(self._asked.finish(self._asked.client.metadata(model))["serving_default"].inputs)

    def close(self) -> None:
        self._asked.end()

    def _outcome(self, ask: Callable[[], Any], read: Callable[[Any], carriers.Outcome]) -> carriers.Outcome:
        try:
            return read(self._asked.finish(ask()))
        except SeawayError as error:
            return carriers.Outcome(code=error.name, text=error.message)

    @staticmethod
    def _predicted(answer: Answer) -> carriers.Outcome:
        return carriers.Outcome({name: carriers.plain(each) for name, each in answer.outputs.items()}, answer.version)


def named(spec: Spec) -> dict[str, Any]:
    """The keywords of a call."""
    return {"version": spec.version, "label": spec.label, "signature": spec.signature}


def blocking(address: str) -> SeawayClient:
    """A client that blocks."""
    client = Client(address)
    return SeawayClient(Asked(client, lambda value: value, client.close))


def awaited(address: str) -> SeawayClient:
    """A client in an event loop of its own."""
    loop = asyncio.new_event_loop()
    client = AsyncClient(address)

    def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return loop.run_until_complete(coroutine)

    def end() -> None:
        finish(client.close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    return SeawayClient(Asked(client, finish, end))


KITS: dict[str, Callable[[Subject], Kit]] = {
    "official-stubs": OfficialStubs,
    "grpc": lambda subject: blocking(subject.grpc_address),
    "rest": lambda subject: blocking(subject.url),
    "async-grpc": lambda subject: awaited(subject.grpc_address),
    "async-rest": lambda subject: awaited(subject.url),
}
