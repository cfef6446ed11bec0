"""The flow of a prediction: signatures fetched once and again, parts of one version, names resolved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seaway.client.address import Address, parse_addresses
from seaway.client.answer import Answer
from seaway.client.core import Core
from seaway.client.exchange import Exchange, Headers, Refusal, Reply
from seaway.client.model import ModelRef
from seaway.client.options import CallOptions, Options
from seaway.client.prediction import Question
from seaway.client.runtime import BlockingRuntime, finish
from seaway.client.splitting import Limits
from seaway.client.tensor_decoding import tensor
from seaway.client.tensor_encoding import tensor_parts
from seaway.errors import Aborted, InvalidArgument, NotFound, Unavailable, Unimplemented
from seaway.protos import message
from tests.support.fakes import FakeClock

FLOAT, INT32 = 1, 3
Respond = Callable[[str, Any], bytes]


class FakeServer:
    """A transport that answers in memory: it doubles x, takes one element type, and counts what it is asked."""

    def __init__(self) -> None:
        self.takes = FLOAT
        self.version = 1
        self.obeys = True
        """Whether a request that names a version is answered by it."""
        self.fails: dict[str, Refusal] = {}
        self.asked: list[str] = []
        self.requests: list[Any] = []
        self.on_predict: Callable[[], object] = lambda: None

    async def send(self, exchange: Exchange, headers: Headers, timeout_s: float) -> Reply:
        verb = exchange.path.rpartition("/")[2]
        self.asked.append(verb)
        if verb in self.fails:
            raise self.fails[verb]
        return Reply(self._metadata() if verb == "GetModelMetadata" else self._predict(exchange.body or b""))

    async def close(self) -> None:
        self.asked.append("close")

    def _metadata(self) -> bytes:
        signatures = message("tensorflow.serving.SignatureDefMap")()
        definition = signatures.signature_def["serving_default"]
        for tensors in (definition.inputs["x"], definition.outputs["y"]):
            tensors.dtype = self.takes
            tensors.tensor_shape.dim.add(size=-1)
        made = message("tensorflow.serving.GetModelMetadataResponse")()
        made.metadata["signature_def"].Pack(signatures)
        return bytes(made.SerializeToString())

    def _predict(self, body: bytes) -> bytes:
        self.on_predict()
        request = message("tensorflow.serving.PredictRequest").FromString(body)
        self.requests.append(request)
        given = request.inputs["x"]
        if given.dtype != self.takes:
            raise Refusal(InvalidArgument.code, "wrong type")
        made = message("tensorflow.serving.PredictResponse")()
        made.model_spec.version.value = (request.model_spec.version.value if self.obeys else 0) or self.version
        doubled = tensor(given.SerializeToString()) * 2
        made.outputs["y"].MergeFromString(b"".join(tensor_parts("y", doubled)))
        return bytes(made.SerializeToString())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def core(server: FakeServer, clock: FakeClock, address: str = "a:1", **settings: Any) -> Core:
    connect: Callable[[Address], FakeServer] = lambda _: server  # noqa: E731 - one line says it
    return Core(parse_addresses(address), Options(**settings), BlockingRuntime(clock), clock, connect)


def ask(core: Core, value: object, **how: Any) -> Answer:
    return finish(core.predict(Question(ModelRef("m"), value, **how)))


def test_signatures_are_fetched_once(server: FakeServer, clock: FakeClock) -> None:
    made = core(server, clock)
    for _ in range(3):
        assert ask(made, [1.0]).outputs["y"].tolist() == [2.0]
    assert server.asked == ["GetModelMetadata", "Predict", "Predict", "Predict"]


def test_a_refused_request_is_made_anew_where_the_model_takes_something_else(
    server: FakeServer, clock: FakeClock
) -> None:
    made = core(server, clock)
    ask(made, [1])
    server.takes = INT32
    clock.advance(5)
    assert ask(made, [1]).outputs["y"].dtype == np.int32
    assert server.asked[2:] == ["Predict", "GetModelMetadata", "Predict"]


def test_a_refused_request_is_not_made_again_where_nothing_has_changed(server: FakeServer, clock: FakeClock) -> None:
    made = core(server, clock)
    ask(made, [1.0])
    clock.advance(5)
    server.fails["Predict"] = Refusal(InvalidArgument.code, "bad values")
    with pytest.raises(InvalidArgument, match="bad values"):
        ask(made, [1.0])
    assert server.asked[2:] == ["Predict", "GetModelMetadata"]


def test_a_value_that_no_longer_fits_is_compared_with_the_signature_of_now(
    server: FakeServer, clock: FakeClock
) -> None:
    server.takes = INT32
    made = core(server, clock)
    ask(made, [1])
    server.takes = FLOAT
    with pytest.raises(InvalidArgument, match="takes int32"):
        ask(made, [0.5])
    clock.advance(5)
    assert ask(made, [0.5]).outputs["y"].tolist() == [1.0]


def test_nothing_is_sent_that_does_not_fit(server: FakeServer, clock: FakeClock) -> None:
    with pytest.raises(InvalidArgument, match="takes float32"):
        ask(core(server, clock), ["a"])
    assert "Predict" not in server.asked


def test_a_server_that_does_not_tell_is_asked_unchecked_and_seldom_for_its_signatures(
    server: FakeServer, clock: FakeClock
) -> None:
    server.fails["GetModelMetadata"] = Refusal(Unimplemented.code, "no")
    made = core(server, clock)
    for _ in range(2):
        assert ask(made, {"x": np.float32([1])}).outputs["y"].tolist() == [2.0]
    assert server.asked == ["GetModelMetadata", "Predict", "Predict"]
    with pytest.raises(InvalidArgument, match="does not tell the signature"):
        ask(made, np.float32([1]))


def test_an_unknown_model_is_what_is_said(server: FakeServer, clock: FakeClock) -> None:
    server.fails["GetModelMetadata"] = Refusal(NotFound.code, "no model m")
    with pytest.raises(NotFound, match="no model m"):
        ask(core(server, clock), [1.0])


def test_without_a_check_no_signature_is_fetched(server: FakeServer, clock: FakeClock) -> None:
    ask(core(server, clock, check="none"), {"x": np.float32([1])})
    assert server.asked == ["Predict"]


def test_parts_of_a_version_that_was_replaced_are_asked_again(server: FakeServer, clock: FakeClock) -> None:
    made = core(server, clock, concurrency=1)
    ask(made, [0.0])

    def swap() -> None:
        server.version = 1 if len(server.requests) < 3 else 2

    server.on_predict = swap
    answer = ask(made, [1.0, 2.0, 3.0, 4.0], limits=Limits(1))
    assert answer.outputs["y"].tolist() == [2.0, 4.0, 6.0, 8.0]
    assert answer.version == 2
    assert [request.model_spec.version.value for request in server.requests[-2:]] == [2, 2]


def test_parts_that_no_version_answers_together_are_not_joined(server: FakeServer, clock: FakeClock) -> None:
    made = core(server, clock, concurrency=1)
    ask(made, [0.0])
    server.on_predict = lambda: setattr(server, "version", len(server.requests))
    server.obeys = False
    with pytest.raises(Aborted, match="ask again"):
        ask(made, [1.0, 2.0, 3.0], limits=Limits(1))


def test_all_attempts_and_parts_share_one_deadline(server: FakeServer, clock: FakeClock) -> None:
    server.fails["GetModelMetadata"] = Refusal(Unavailable.code, "gone", retry_after_s=4.0)
    began = clock.now()
    with pytest.raises(Unavailable):
        finish(core(server, clock).predict(Question(ModelRef("m"), [1.0], about=CallOptions(timeout_s=9.0))))
    assert clock.now() - began <= 9.0
    assert len(server.asked) == 3


def test_a_name_of_several_machines_is_resolved_and_its_addresses_asked_in_turn(
    server: FakeServer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def resolve(self: BlockingRuntime, host: str, port: int) -> list[str]:
        return ["10.0.0.1", "10.0.0.2"]

    class Rest:
        async def send(self, exchange: Exchange, headers: Headers, timeout_s: float) -> Reply:
            return Reply(b'{"outputs": [1.0]}')

        async def close(self) -> None: ...

    def connect(address: Address) -> Rest:
        seen.append(f"{address.host} {address.named}")
        return Rest()

    monkeypatch.setattr(BlockingRuntime, "resolve", resolve)
    made = Core(parse_addresses("http://models:80"), Options(check="none"), BlockingRuntime(clock), clock, connect)
    for _ in range(4):
        ask(made, {"x": [1.0]})
    assert seen == ["10.0.0.1 models:80", "10.0.0.2 models:80"]


@pytest.mark.parametrize("call", ["models", "submit"])
def test_what_grpc_has_not_names_the_other_api(server: FakeServer, clock: FakeClock, call: str) -> None:
    made = core(server, clock)
    asked = made.models(CallOptions()) if call == "models" else made.submit(Question(ModelRef("m"), [1.0]))
    with pytest.raises(Unimplemented, match="http://HOST:8501"):
        finish(asked)  # type: ignore[arg-type]
