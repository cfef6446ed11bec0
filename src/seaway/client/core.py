"""All that a client does, as coroutines: `Client` runs them to their end, `AsyncClient` hands them on.

What only one of the two APIs offers is refused here with the name of the other.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Mapping, Sequence

from seaway.client import over_grpc, over_rest
from seaway.client.address import Address
from seaway.client.answer import Answer, Labelled, ModelListed, VersionStatus
from seaway.client.caller import Caller
from seaway.client.dtypes import Array
from seaway.client.endpoints import Endpoints
from seaway.client.exchange import Transport
from seaway.client.known_signatures import KnownSignatures
from seaway.client.model import ExamplesRequest, ModelRef
from seaway.client.operations import Submission
from seaway.client.options import CallOptions, Options
from seaway.client.over_grpc import Method
from seaway.client.prediction import Codec, Predictor, Question
from seaway.client.runtime import Runtime
from seaway.client.signature import Signatures
from seaway.clock import Clock
from seaway.errors import Unimplemented


class Core:
    """One client, whichever way it waits."""

    def __init__(
        self,
        addresses: Sequence[Address],
        options: Options,
        runtime: Runtime,
        clock: Clock,
        connect: Callable[[Address], Transport],
    ) -> None:
        """Connect to nothing yet."""
        self.addresses = addresses
        self.options = options
        self._runtime = runtime
        self._clock = clock
        self._is_grpc = addresses[0].api == "grpc"
        self._caller = Caller(Endpoints(addresses, connect, clock), options, runtime, clock, random.random)
        codec: Codec = over_grpc if self._is_grpc else over_rest
        self._predictor = Predictor(codec, self._caller, runtime, KnownSignatures(clock), options)

    async def predict(self, question: Question) -> Answer:
        """Return the model's answer."""
        return await self._predictor.answer(question)

    async def submit(self, question: Question, key: str = "") -> Submission:
        """Return what was accepted to be answered later."""
        self._only("rest", "submit")
        request = await self._predictor.prepared(question)
        submission = Submission(self._caller, self._runtime, self._clock, request)
        return await submission.submit(key or uuid.uuid4().hex, question.about)

    async def classify(self, request: ExamplesRequest, about: CallOptions) -> list[list[Labelled]]:
        """Return the classes of each example."""
        codec = over_grpc if self._is_grpc else over_rest
        return await self._caller.call(codec.classify(request), about)

    async def regress(self, request: ExamplesRequest, about: CallOptions) -> Array:
        """Return the value of each example."""
        codec = over_grpc if self._is_grpc else over_rest
        return await self._caller.call(codec.regress(request), about)

    async def multi_inference(
        self, request: ExamplesRequest, tasks: Mapping[str, Method], about: CallOptions
    ) -> dict[str, list[list[Labelled]] | Array]:
        """Return what each task says of the same examples."""
        self._only("grpc", "multi_inference")
        return await self._caller.call(over_grpc.multi_inference(request, tasks), about)

    async def status(self, model: ModelRef, about: CallOptions) -> list[VersionStatus]:
        """Return the versions of a model."""
        codec = over_grpc if self._is_grpc else over_rest
        return await self._caller.call(codec.status(model), about)

    async def metadata(self, model: ModelRef, about: CallOptions) -> Signatures:
        """Return the signatures of a model."""
        return await self._predictor.signatures(model, about)

    async def models(self, about: CallOptions) -> list[ModelListed]:
        """Return the models of a Seaway server."""
        self._only("rest", "models")
        return await self._caller.call(over_rest.models(), about)

    async def reload(self, config: str | Mapping[str, str], about: CallOptions) -> None:
        """Have the server serve what a configuration says."""
        self._only("grpc", "reload")
        await self._caller.call(over_grpc.reload(config), about)

    async def close(self) -> None:
        """Close the connections."""
        await self._caller.close()

    def __str__(self) -> str:
        """Return where it calls; nothing of its tokens."""
        return ", ".join(map(str, self.addresses))

    def _only(self, api: str, call: str) -> None:
        if self.addresses[0].api != api:
            other = "http://HOST:8501, the REST port" if api == "rest" else "HOST:8500, the gRPC port"
            raise Unimplemented(f"{call} is not possible over {self.addresses[0].api}; make a client of {other}")
