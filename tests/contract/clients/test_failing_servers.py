"""Real servers that fail on purpose, asked over both APIs, by the blocking client and by the awaited one."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seaway.client import AsyncClient, Client, RetryPolicy, Tls
from seaway.client.transports import http_status
from seaway.errors import (
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    ResourceExhausted,
    SeawayError,
    Unavailable,
)
from tests.support.eventually import eventually
from tests.support.failing_servers import CERTIFICATES, FailingGrpc, FailingRest

Failing = FailingGrpc | FailingRest
Ask = Callable[..., Any]
QUICK = RetryPolicy(initial_backoff_s=0.001, max_backoff_s=0.002)
SERVERS = [pytest.param(FailingGrpc, id="grpc"), pytest.param(FailingRest, id="rest")]


@pytest.fixture(params=SERVERS)
def serve(request: pytest.FixtureRequest) -> Iterator[Callable[..., Failing]]:
    """Starts servers of one API."""
    started: list[Failing] = []

    def start(**how: Any) -> Failing:
        started.append(request.param(**how))
        return started[-1]

    yield start
    for server in started:
        with suppress(ValueError):
            server.stop()


@pytest.fixture(params=["blocking", "awaited"])
def client(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Gives a function that predicts with a client of some addresses."""
    loop = asyncio.new_event_loop()
    ends: list[Callable[[], Any]] = []

    def connect(*servers: Failing | str, **settings: Any) -> Ask:
        addresses = [server if isinstance(server, str) else server.address for server in servers]
        settings = {"retry": QUICK, "timeout_s": 10.0} | settings
        if request.param == "blocking":
            made = Client(addresses, **settings)
            ends.append(made.close)
            return lambda **call: made.predict("m", {"x": np.zeros(1, np.float32)}, **call)
        awaited = AsyncClient(addresses, **settings)
        ends.append(lambda: loop.run_until_complete(awaited.close()))
        return lambda **call: loop.run_until_complete(awaited.predict("m", {"x": np.zeros(1, np.float32)}, **call))

    yield connect
    for end in ends:
        end()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def test_an_unavailable_server_is_asked_again(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    server.script.fails("UNAVAILABLE", "UNAVAILABLE")
    assert client(server)().tolist() == [1.0]
    assert len(server.script.calls) == 3


def test_attempts_end_with_the_servers_words(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    server.script.fails(*["UNAVAILABLE"] * 5)
    with pytest.raises(Unavailable, match=f"the server at 127.0.0.1:{server.port} answered .*: told to fail"):
        client(server)()
    assert len(server.script.calls) == 3


def test_a_full_server_is_asked_again_when_it_says(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    server.script.retry_after = "0"
    server.script.fails("RESOURCE_EXHAUSTED")
    assert client(server)().tolist() == [1.0]
    server.script.retry_after = "30"
    server.script.fails("RESOURCE_EXHAUSTED")
    with pytest.raises(ResourceExhausted):
        client(server, timeout_s=2.0)()


@pytest.mark.parametrize("code", ["INVALID_ARGUMENT", "INTERNAL", "DEADLINE_EXCEEDED", "NOT_FOUND"])
def test_what_another_attempt_would_not_change_is_asked_once(
    serve: Callable[..., Failing], client: Ask, code: str
) -> None:
    server = serve()
    server.script.fails(code)
    with pytest.raises(SeawayError, match=r"told to fail|did not answer"):
        client(server)()
    assert len(server.script.calls) == 1


def test_addresses_are_asked_in_turn(serve: Callable[..., Failing], client: Ask) -> None:
    servers = [serve(), serve(), serve()]
    ask = client(*servers)
    for _ in range(12):
        ask()
    # A question for the signature takes a turn too, the first time.
    assert sorted(len(server.script.calls) for server in servers) == [4, 4, 4]


def test_a_dead_address_is_left_out_and_taken_back_when_it_lives(serve: Callable[..., Failing], client: Ask) -> None:
    dead, alive = serve(), serve()
    port = dead.port
    dead.stop()
    ask = client(dead, alive)
    for _ in range(20):
        assert ask().tolist() == [1.0]
    assert len(alive.script.calls) == 20
    back = serve(port=port)
    eventually(lambda: (ask(), len(back.script.calls))[1], lambda calls: calls > 0, "it is asked again")


def test_no_server_at_all_is_said_in_one_line(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    server.stop()
    with pytest.raises(Unavailable, match=f"no server answers at 127.0.0.1:{server.port} .*; is it running"):
        client(server)()


def test_a_deadline_ends_the_wait(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    ask = client(server)
    ask()
    server.script.hangs.set()
    with pytest.raises(DeadlineExceeded, match="did not answer within"):
        ask(timeout_s=0.2)
    assert server.script.let_go == 0, "the client did not wait for the server's end"


def test_a_second_request_goes_to_another_server_when_the_first_is_slow(
    serve: Callable[..., Failing], client: Ask
) -> None:
    slow, quick = serve(), serve()
    ask = client(slow, quick, hedge_after_s=0.05)
    ask()
    slow.script.hangs.set()
    for _ in range(4):
        assert ask().tolist() == [1.0]
    assert slow.script.let_go == 0, "no answer waited for the slow server"
    slow.script.released.set()


def test_a_hedged_call_that_fails_everywhere_fails(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    server.script.fails("INTERNAL")
    with pytest.raises(SeawayError, match="told to fail"):
        client(server, hedge_after_s=5.0)()


def test_retries_stop_when_their_budget_is_used_up(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    server.script.fails(*["UNAVAILABLE"] * 200)
    ask = client(server, retry=RetryPolicy(5, 0.001, 0.002, budget_tokens=10.0))
    for _ in range(20):
        with pytest.raises(Unavailable):
            ask()
    assert len(server.script.calls) < 20 + 10


def test_a_connection_is_kept(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    ask = client(server)
    for _ in range(10):
        ask()
    assert len(server.script.connections) == 1


def test_headers_go_with_the_call(serve: Callable[..., Failing], client: Ask, tmp_path: Path) -> None:
    server, token = serve(), tmp_path / "token"
    token.write_text("first\n")
    ask = client(server, token_file=token, request_id=lambda: "made", traceparent=lambda: "00-a-b-01")
    ask()
    token.write_text("second one\n")
    ask(request_id="mine", traceparent="00-c-d-01")
    named = [(call["authorization"], call["x-request-id"], call["traceparent"]) for call in server.script.calls]
    assert named == [("Bearer first", "made", "00-a-b-01"), ("Bearer second one", "mine", "00-c-d-01")]


def test_attempts_of_a_call_carry_the_same_request_id(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve()
    server.script.fails("UNAVAILABLE")
    numbers = iter(range(100))
    client(server, request_id=lambda: str(next(numbers)))()
    assert len({call["x-request-id"] for call in server.script.calls}) == 1


def test_tls_with_a_client_certificate(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve(tls=True)
    tls = Tls(CERTIFICATES / "authority.pem", CERTIFICATES / "client.pem", CERTIFICATES / "client-key.pem")
    assert client(server, tls=tls)().tolist() == [1.0]


def test_a_server_that_another_authority_signed_is_not_trusted(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve(tls=True)
    with pytest.raises(Unavailable):
        client(server, timeout_s=5.0)()
    assert not server.script.calls


def test_a_certificate_that_cannot_be_read_is_named(serve: Callable[..., Failing], client: Ask) -> None:
    server = serve(tls=True)
    with pytest.raises(InvalidArgument, match=r"nowhere\.pem"):
        client(server, tls=Tls("/nowhere.pem"))()


def test_a_closed_client_says_so(serve: Callable[..., Failing]) -> None:
    client = Client(serve().address)
    client.close()
    with pytest.raises(FailedPrecondition, match="this client is closed"):
        client.predict("m", {"x": [1.0]})


def test_a_reload_is_never_sent_twice() -> None:
    server = FailingGrpc()
    server.script.fails("UNAVAILABLE")
    with Client(server.address) as client, pytest.raises(Unavailable):
        client.reload({"m": "/models/m"})
    assert len(server.script.calls) == 1
    server.stop()


@pytest.mark.parametrize(
    ("package", "address"), [("grpc", "127.0.0.1:1"), ("httpx", "http://127.0.0.1:1")], ids=["grpcio", "httpx"]
)
def test_a_package_that_is_missing_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, package: str, address: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    async def ask() -> None:
        async with AsyncClient(address) as client:
            await client.predict("m", {"x": [1.0]})

    with pytest.raises(FailedPrecondition, match=r"pip install .*grpcio"):
        asyncio.run(ask())


def test_rest_is_asked_without_httpx_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_status, "has_httpx", lambda: False)
    server = FailingRest()
    server.script.fails("UNAVAILABLE")
    with Client(server.address, retry=QUICK, request_id=lambda: "r") as client:
        assert client.predict("m", {"x": [1.0]}).tolist() == [1.0]
        server.script.fails("NOT_FOUND")
        with pytest.raises(NotFound, match="answered 404: told to fail"):
            client.predict("m", {"x": [1.0]})
        server.script.hangs.set()
        with pytest.raises(DeadlineExceeded):
            client.predict("m", {"x": [1.0]}, timeout_s=0.2)
    server.stop()
    assert {call["x-request-id"] for call in server.script.calls} == {"r"}
    with Client(server.address, retry=QUICK) as client, pytest.raises(Unavailable, match="no server answers at"):
        client.predict("m", {"x": [1.0]})


def test_rest_without_httpx_speaks_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_status, "has_httpx", lambda: False)
    server = FailingRest(tls=True)
    tls = Tls(CERTIFICATES / "authority.pem", CERTIFICATES / "client.pem", CERTIFICATES / "client-key.pem")
    with Client(server.address, tls=tls) as client:
        assert client.predict("m", {"x": [1.0]}).tolist() == [1.0]
    server.stop()


@pytest.mark.parametrize("kind", [FailingGrpc, FailingRest], ids=["grpc", "rest"])
def test_a_task_that_is_cancelled_gives_its_call_up(kind: type[Failing]) -> None:
    server = kind()

    async def ask() -> None:
        async with AsyncClient(server.address) as client:
            await client.predict("m", {"x": [1.0]})
            server.script.hangs.set()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.predict("m", {"x": [1.0]}), 0.2)
            server.script.hangs.clear()
            answer = await client.predict("m", {"x": [1.0]})
            assert isinstance(answer, np.ndarray)

    asyncio.run(ask())
    server.stop()
