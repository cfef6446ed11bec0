"""`seaway.Client` against real servers: swaps, deaths, operations, tokens, what it imports, and `seaway stub`."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seaway import AsyncClient, Client
from seaway.errors import Cancelled, DeadlineExceeded, InvalidArgument, Unauthenticated
from tests.models.cache import Models
from tests.support.eventually import eventually, true_soon
from tests.support.server import Server, config_text
from tests.support.store import Store

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
BIN = Path(sys.executable).parent


def test_a_new_version_that_takes_something_else_is_noticed(start: Start, store: Store) -> None:
    store.add("m", 1, "matmul")
    server = start({"m": store.base("m")}, "--file-system-poll-wait-seconds=1", "--settle-seconds=0.2")
    with Client(server.grpc_address) as client:
        assert client.predict("m", [[1.0, 0.0, 2.0]]).tolist() == [[11.0, 14.0]]
        store.add("m", 2, "int32_rows")
        true_soon(lambda: client.status("m")[0].version == 2, "version 2 is served")
        assert eventually(lambda: client.predict("m", [3]), lambda y: y.tolist() == [7], "asked in the new type")
        answer = client.answer("m", [3])
        assert (answer.version, answer.outputs["y"].dtype) == (2, np.int32)


def test_a_server_that_is_killed_costs_no_answer_while_another_lives(start: Start, models: Models) -> None:
    servers = [start({"half": models.path("half_plus_two")}) for _ in range(2)]
    with Client([server.grpc_address for server in servers]) as client:
        for number in range(400):
            if number == 100:
                servers[0].process.kill()
            assert client.predict("half", [[float(number)]]).tolist() == [[number / 2 + 2]]


@pytest.mark.smoke
@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_a_batch_in_parts_is_answered_by_one_version_while_another_takes_over(
    start: Start, store: Store, api: str
) -> None:
    store.add("m", 1, "adder", "1")
    server = start({"m": store.base("m")}, "--file-system-poll-wait-seconds=1", "--settle-seconds=0.2")
    x, seen = np.zeros(200, np.float32), set()
    with Client(server.grpc_address if api == "grpc" else server.url) as client:
        client.predict("m", x)
        store.add("m", 2, "adder", "2")
        for _ in range(2000):
            answer = client.answer("m", x, max_batch_rows=10)
            assert set(answer.outputs["y"].tolist()) == {float(answer.version or 0)}
            seen.add(answer.version)
            if seen == {1, 2}:
                break
    assert seen == {1, 2}


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_parts_are_the_same_as_the_whole(start: Start, models: Models, api: str) -> None:
    server = start({"m": models.path("matmul")})
    x = np.arange(3000, dtype=np.float32).reshape(1000, 3)
    told: list[int] = []
    with Client(server.grpc_address if api == "grpc" else server.url, max_message_bytes=2000) as client:
        whole = client.answer("m", x, max_batch_rows=1000)
        parts = client.answer("m", x, max_batch_rows=7, progress=told.append)
        (served,) = client.status("m")
    assert (whole.outputs["y"] == parts.outputs["y"]).all()
    assert whole.version == parts.version == served.version
    assert sum(told) == 1000
    assert max(told) == 7


def test_an_operation_is_submitted_polled_and_cancelled(start: Start, models: Models, tmp_path: Path) -> None:
    served = {"half": models.path("half_plus_two"), "slow": models.path("slow")}
    server = start(served, f"--operations-directory={tmp_path / 'operations'}", "--operations-concurrency=1")
    with Client(server.url) as client:
        done = client.submit("half", [[1.0]], idempotency_key="once")
        assert client.submit("half", [[1.0]], idempotency_key="once").id == done.id
        answer = done.answer(30)
        assert (answer.outputs["y"].tolist(), answer.version) == ([[2.5]], 123)
        assert done.status().has_ended
        slow = client.submit("slow", [5000.0])
        with pytest.raises(DeadlineExceeded, match="ask again later"):
            slow.result(0.1)
        assert slow.cancel().state == "cancelled"
        with pytest.raises(Cancelled, match="was cancelled"):
            slow.result(10)


def test_an_operation_can_be_awaited_and_a_server_without_operations_answers_at_once(
    start: Start, models: Models, tmp_path: Path
) -> None:
    with_store = start({"half": models.path("half_plus_two")}, f"--operations-directory={tmp_path / 'operations'}")
    without = start({"half": models.path("half_plus_two")})

    async def ask(server: Server) -> tuple[str, object]:
        async with AsyncClient(server.url) as client:
            operation = await client.submit("half", [[1.0]])
            result = await operation.result(30)
            assert isinstance(result, np.ndarray)
            return operation.id, result.tolist()

    first, second = asyncio.run(ask(with_store)), asyncio.run(ask(without))
    assert first[0]
    assert not second[0]
    assert first[1] == second[1] == [[2.5]]


def test_a_token_opens_a_server_and_is_never_shown(start: Start, models: Models, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("secret-token-0123456789\n")
    tokens.chmod(0o600)
    server = start({"half": models.path("half_plus_two")}, f"--tokens-file={tokens}")
    for address in (server.grpc_address, server.url):
        with Client(address) as client, pytest.raises(Unauthenticated):
            client.predict("half", [[1.0]])
        with Client(address, token="secret-token-0123456789") as client:
            assert client.predict("half", [[1.0]]).tolist() == [[2.5]]
            assert "secret" not in repr(client)


def test_lists_and_reloads(start: Start, models: Models) -> None:
    server = start({"half": models.path("half_plus_two")})
    with Client(server.url) as rest, Client(server.grpc_address) as grpc:
        assert [model.name for model in rest.models()] == ["half"]
        grpc.reload({"half": str(models.path("half_plus_two")), "m": str(models.path("matmul"))})
        assert sorted(model.name for model in rest.models()) == ["half", "m"]
        grpc.reload(config_text({"m": models.path("matmul")}))
        # A model that is gone stays in the list with the end of its versions.
        true_soon(lambda: {version.state for version in rest.status("half")} == {"END"}, "the other one is gone")
        assert rest.predict("m", [[1.0, 0.0, 2.0]]).tolist() == [[11.0, 14.0]]


def test_several_signatures_of_the_same_examples(start: Start, models: Models) -> None:
    server = start({"half": models.path("half_plus_two")})
    with Client(server.grpc_address) as client:
        found = client.multi_inference(
            "half", [{"x": 2.0}], {"regress_x_to_y": "regress", "classify_x_to_y": "classify"}
        )
    assert np.asarray(found["regress_x_to_y"]).tolist() == [3.0]
    assert found["classify_x_to_y"] == [[("", 3.0)]]


def test_a_default_may_be_left_out_though_only_gRPC_knows_of_it(start: Start, models: Models) -> None:
    server = start({"m": models.path("defaults")})
    with Client(server.grpc_address) as client:
        assert client.predict("m", a=[1.0]).tolist() == [11.0]
        with pytest.raises(InvalidArgument, match="is missing"):
            client.predict("m", b=[1.0])


def test_over_a_unix_socket(start: Start, models: Models, tmp_path: Path) -> None:
    grpc_socket, rest_socket = tmp_path / "g.sock", tmp_path / "r.sock"
    start(
        {"half": models.path("half_plus_two")}, f"--grpc-socket-path={grpc_socket}", f"--rest-socket-path={rest_socket}"
    )
    for address in (f"unix:{grpc_socket}", f"http+unix:{rest_socket}"):
        with Client(address) as client:
            assert client.predict("half", [[1.0]]).tolist() == [[2.5]]


def test_nothing_of_tensorflow_is_imported_and_the_package_stays_quick(start: Start, models: Models) -> None:
    server = start({"half": models.path("half_plus_two")})
    program = f"""
import sys
import seaway
cheap = "numpy" not in sys.modules and "grpc" not in sys.modules
from seaway import Client
lazy = "grpc" not in sys.modules and "httpx" not in sys.modules
for address in ({server.grpc_address!r}, {server.url!r}):
    with Client(address) as client:
        assert client.predict("half", [[1.0]]).tolist() == [[2.5]]
heavy = [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "keras", "tensorflow_serving", "typer")]
print(cheap, lazy, heavy)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split("\n")[0] == "True True []"


def test_a_stub_is_a_typed_module_that_asks_the_model(start: Start, models: Models, tmp_path: Path) -> None:
    names = ("outputs", "identity", "classifier", "defaults", "half_plus_two", "strings")
    server = start({name: models.path(name) for name in names})
    for name in names:
        command = [str(BIN / "seaway"), "stub", name, "--from", server.grpc_address, "-o", f"{tmp_path / name}_stub.py"]
        subprocess.run(command, check=True, timeout=60)
    written = sorted(map(str, tmp_path.glob("*_stub.py")))
    rules = ["--isolated", "--select", "E,F,I,B,UP,SIM,RUF,D", "--ignore", "D203,D213"]
    for check in ([BIN / "ruff", "check", *rules], [BIN / "ruff", "format", "--isolated", "--check"]):
        done = subprocess.run(
            [*map(str, check), *written], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path
        )
        assert done.returncode == 0, done.stdout
    types = [str(BIN / "mypy"), "--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}", *written]
    done = subprocess.run(types, capture_output=True, text=True, check=False, timeout=170, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    program = f"""
import json, numpy as np
from seaway import Client
from outputs_stub import Outputs
with Client({server.grpc_address!r}) as client:
    found = Outputs(client).serving_default(np.float32([1, 4]), np.float32([2, 3]))
print(json.dumps([found.sum.tolist(), found.label_bytes[0].decode()]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path
    )
    assert json.loads(done.stdout) == [[3.0, 7.0], "not greater"]


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_the_shell_predicts_a_file_in_batches(start: Start, models: Models, tmp_path: Path, api: str) -> None:
    server = start({"m": models.path("matmul")})
    x = np.random.default_rng(1).random((500, 3))
    np.save(tmp_path / "x.npy", x)
    address = f"grpc://{server.grpc_address}" if api == "grpc" else server.rest_address
    command = [str(BIN / "seaway"), "predict", "m", "--input", f"x=@{tmp_path / 'x.npy'}", "--server", address]
    subprocess.run([*command, "--batch-rows", "64", "-o", str(tmp_path / "y.npy")], check=True, timeout=60)
    expected = x.astype(np.float32) @ np.array([[1, 2], [3, 4], [5, 6]], np.float32)
    assert np.allclose(np.load(tmp_path / "y.npy"), expected)
