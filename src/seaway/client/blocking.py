"""`Client`: the blocking one. Any number of threads may share it.

Every method runs a coroutine of `core` to its end in the thread that calls; `AsyncClient` has the same methods.
"""

# ruff: noqa: PLR0913 - what a call may say are keywords, so that a call reads as it is meant

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING

from seaway.client.address import Address, parse_addresses
from seaway.client.answer import Answer, Labelled, ModelListed, VersionStatus
from seaway.client.core import Core
from seaway.client.dtypes import Array
from seaway.client.exchange import Transport
from seaway.client.model import ExamplesRequest, ModelRef
from seaway.client.operations import Operation
from seaway.client.options import CallOptions, Options, Settings
from seaway.client.over_grpc import Method
from seaway.client.prediction import Question
from seaway.client.runtime import BlockingRuntime, finish
from seaway.client.signature import Signature
from seaway.client.splitting import Limits
from seaway.clock import Clock, SystemClock

if TYPE_CHECKING:
    from typing_extensions import Unpack

Features = Mapping[str, object]


class Client:
    """Asks models for predictions: numpy in, numpy out, over gRPC or REST."""

    def __init__(self, address: str | Sequence[str] = "localhost:8500", **settings: Unpack[Settings]) -> None:
        """Name the servers; the first call connects.

        `HOST:PORT` and `grpc://` are gRPC, `http://` is REST, `grpcs://` and `https://` are over TLS, `unix:PATH` is a
        socket. Several addresses are asked in turn. The settings are the fields of `Options`.

        Raises:  InvalidArgument - an address or a setting is not possible. FailedPrecondition - the package that the
                 API needs is not installed, which the first call finds out.
        """
        options, clock = Options(**settings), SystemClock()
        addresses = parse_addresses(address, tls_by_default=options.tls is not None)
        self._core = Core(addresses, options, BlockingRuntime(clock), clock, _connector(options, clock))

    def predict(
        self,
        model: str,
        inputs: object = None,
        *,
        version: int | None = None,
        label: str = "",
        signature: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        max_batch_rows: int | None = None,
        request_id: str = "",
        traceparent: str = "",
        **named: object,
    ) -> Array | dict[str, Array]:
        """Return what a model predicts: an array when there is exactly one output, a dict when there are several.

        `inputs` is an array where the signature has one input, or a dict by name; inputs can also be keywords. With
        `outputs`, only those are answered. `answer(...).outputs` is a dict however many outputs there are.

        Raises:  InvalidArgument - the inputs do not fit the model's signature; nothing is sent then. SeawayError - the
                 one of the code that the server answers, Unavailable and DeadlineExceeded among them.
        """
        about = CallOptions(timeout_s, request_id, traceparent)
        asked = ModelRef(model, version, label)
        question = Question(asked, inputs, named, signature, outputs, self._limits(max_batch_rows), None, about)
        return finish(self._core.predict(question)).value()

    def answer(
        self,
        model: str,
        inputs: object = None,
        *,
        version: int | None = None,
        label: str = "",
        signature: str = "",
        outputs: Sequence[str] = (),
        timeout_s: float | None = None,
        max_batch_rows: int | None = None,
        request_id: str = "",
        traceparent: str = "",
        progress: Callable[[int], None] | None = None,
        **named: object,
    ) -> Answer:
        """Return what `predict` does, always as a dict, with the version that answered.

        `progress` is told the rows of each part of a split batch when it is answered, by the thread that asked it.

        Raises:  as `predict`.
        """
        about = CallOptions(timeout_s, request_id, traceparent)
        asked = ModelRef(model, version, label)
        question = Question(asked, inputs, named, signature, outputs, self._limits(max_batch_rows), progress, about)
        return finish(self._core.predict(question))

    def submit(
        self,
        model: str,
        inputs: object = None,
        *,
        version: int | None = None,
        label: str = "",
        signature: str = "",
        outputs: Sequence[str] = (),
        idempotency_key: str = "",
        timeout_s: float | None = None,
        **named: object,
    ) -> Operation:
        """Hand a prediction in to be made later, and return a handle on it. REST, and Seaway only.

        `timeout_s` bounds the handing in. The same `idempotency_key` gives the same operation.

        Raises:  as `predict`. Unimplemented - over gRPC.
        """
        asked, about = ModelRef(model, version, label), CallOptions(timeout_s)
        question = Question(asked, inputs, named, signature, outputs, about=about)
        return Operation(finish(self._core.submit(question, idempotency_key)))

    def classify(
        self,
        model: str,
        examples: Sequence[Features],
        *,
        version: int | None = None,
        label: str = "",
        signature: str = "",
        context: Features | None = None,
        timeout_s: float | None = None,
    ) -> list[list[Labelled]]:
        """Return the classes of each example, which is a dict of features; `context` goes with all of them.

        Raises:  InvalidArgument - a feature cannot be sent. SeawayError - what the server answers.
        """
        request = ExamplesRequest(ModelRef(model, version, label), signature, examples, context)
        return finish(self._core.classify(request, CallOptions(timeout_s)))

    def regress(
        self,
        model: str,
        examples: Sequence[Features],
        *,
        version: int | None = None,
        label: str = "",
        signature: str = "",
        context: Features | None = None,
        timeout_s: float | None = None,
    ) -> Array:
        """Return the value of each example, as float32; examples and errors as for `classify`."""
        request = ExamplesRequest(ModelRef(model, version, label), signature, examples, context)
        return finish(self._core.regress(request, CallOptions(timeout_s)))

    def multi_inference(
        self,
        model: str,
        examples: Sequence[Features],
        tasks: Mapping[str, Method],
        *,
        version: int | None = None,
        timeout_s: float | None = None,
    ) -> dict[str, list[list[Labelled]] | Array]:
        """Return what several signatures say of the same examples; `tasks` has `classify` or `regress` for each.

        Raises:  as `classify`. Unimplemented - over REST.
        """
        request = ExamplesRequest(ModelRef(model, version), "", examples)
        return finish(self._core.multi_inference(request, tasks, CallOptions(timeout_s)))

    def status(self, model: str, *, version: int | None = None, label: str = "") -> list[VersionStatus]:
        """Return the versions of a model, and how they are.

        Raises:  NotFound - the server does not know the model.
        """
        return finish(self._core.status(ModelRef(model, version, label), CallOptions()))

    def metadata(self, model: str, *, version: int | None = None, label: str = "") -> Mapping[str, Signature]:
        """Return the signatures of a model by name, as they are now.

        Raises:  NotFound - the server does not know the model.
        """
        return finish(self._core.metadata(ModelRef(model, version, label), CallOptions()))

    def models(self) -> list[ModelListed]:
        """Return the models of a Seaway server. REST only.

        Raises:  Unimplemented - over gRPC. NotFound, InvalidArgument - the server is none of Seaway's.
        """
        return finish(self._core.models(CallOptions()))

    def reload(self, config: str | Mapping[str, str], *, timeout_s: float | None = None) -> None:
        """Have the server serve what a ModelServerConfig says: its text, or base paths by model. gRPC only.

        It is never sent twice.

        Raises:  InvalidArgument - the text is none. Unimplemented - over REST. SeawayError - what was not possible.
        """
        finish(self._core.reload(config, CallOptions(timeout_s)))

    def close(self) -> None:
        """Close the connections."""
        finish(self._core.close())

    def __enter__(self) -> Client:
        """Use it in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def __repr__(self) -> str:
        """Return where it calls."""
        return f"Client({self._core})"

    def _limits(self, max_batch_rows: int | None) -> Limits:
        options = self._core.options
        return Limits(options.max_batch_rows if max_batch_rows is None else max_batch_rows, options.max_message_bytes)


def _connector(options: Options, clock: Clock) -> Callable[[Address], Transport]:
    def connect(address: Address) -> Transport:
        if address.api == "grpc":
            from seaway.client.transports.over_grpcio import BlockingGrpc  # noqa: PLC0415 - with its library

            return BlockingGrpc(address, options.tls)
        from seaway.client.transports.http_status import has_httpx  # noqa: PLC0415 - as above

        if not has_httpx():
            from seaway.client.transports.over_http_client import PlainRest  # noqa: PLC0415 - as above

            return PlainRest(address, options.tls)
        from seaway.client.transports.over_httpx import BlockingRest  # noqa: PLC0415 - as above

        return BlockingRest(address, options.tls, clock)

    return connect
