"""`model.tflite` behind a whole server: alone, preferred to a SavedModel beside it, batched, replaced, damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.models.cache import Models
from tests.support.clients import Client, Load, failure
from tests.support.eventually import eventually, true_soon
from tests.support.server import Server, http
from tests.support.store import Store

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_spec("ai_edge_litert") is None, reason="engine litert: ai_edge_litert is not installed"),
]

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

FILE = "model.tflite"
ROWS = 5


def test_a_tflite_file_gives_tensorflows_answers(start: Start, connect: Connect, models: Models) -> None:
    images = np.random.default_rng(3).random((ROWS, 28, 28, 1), np.float32)
    reference = start({"m": models.path("mnist_cnn")})
    server = start({"m": models.path("lite_mnist_cnn")}, "--engine=litert")

    expected = connect(reference).arrays("m", image=images)["output_0"]
    over_grpc = connect(server).arrays("m", image=images)["output_0"]
    answered = server.post("/v1/models/m:predict", {"instances": images.tolist()}).json["predictions"]
    assert expected.shape == (ROWS, 10)
    assert np.allclose(over_grpc, expected, rtol=1e-4, atol=1e-6)
    assert np.allclose(np.array(answered, np.float32), expected, rtol=1e-4, atol=1e-6)
    assert server.listing()["m"][1]["engine"] == "litert"


def test_what_a_client_gets_wrong_is_an_invalid_argument(start: Start, connect: Connect, models: Models) -> None:
    server = start({"m": models.path("lite_matmul")}, "--engine=litert")
    client = connect(server)
    assert failure(lambda: client.arrays("m", x=np.ones((1, 4), np.float32)))[0] == "INVALID_ARGUMENT"
    assert failure(lambda: client.arrays("m", x=np.ones((1, 3), np.int32)))[0] == "INVALID_ARGUMENT"
    assert server.post("/v1/models/m:predict", {"instances": [[1, 2]]}).status == 400
    assert client.arrays("m", x=np.ones((1, 3), np.float32))["y"].tolist() == [[9.0, 12.0]]


def test_requests_are_joined_where_that_was_proven_and_each_gets_its_own_answer(
    start: Start, connect: Connect, models: Models
) -> None:
    names = ("lite_matmul", "lite_one_row", "lite_one_row_shared", "lite_centred")
    server = start({name: models.path(name) for name in names}, "--engine=litert")
    batching = {name: server.listing()[name][1]["batching"]["serving_default"] for name in names}
    assert [name for name, said in batching.items() if said == "on"] == ["lite_matmul", "lite_one_row"], batching

    client, weights = connect(server), np.array([[1, 2], [3, 4], [5, 6]], np.float32)

    def ask(index: int) -> bool:
        x = np.random.default_rng(index).standard_normal((1 + index % 4, 3)).astype(np.float32)
        y = client.arrays(names[index % 2], x=x)["y"]
        return y.shape == (len(x), 2) and bool(np.allclose(y, x @ weights, atol=1e-5))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(400)))


def add_both(store: Store, version: int) -> None:
    """A SavedModel that adds 1, and beside it a file that adds 10."""
    target = store.add("adder", version, "adder", "1")
    shutil.copy(store._models.version("lite_adder", "10") / FILE, target / FILE)


@pytest.mark.parametrize(
    ("flags", "engine", "answer"),
    [
        pytest.param((), "tensorflow", 1.0, id="not-preferred"),
        pytest.param(("--prefer-tflite-model",), "litert", 10.0, id="preferred"),
    ],
)
def test_of_two_forms_beside_each_other_the_preferred_one_is_served(
    start: Start, store: Store, flags: tuple[str, ...], engine: str, answer: float
) -> None:
    add_both(store, 1)
    server = start({"adder": store.base("adder")}, *flags)
    assert server.post("/v1/models/adder:predict", {"instances": [0.0]}).json == {"predictions": [answer]}
    assert server.listing()["adder"][1]["engine"] == engine


@pytest.mark.smoke
def test_versions_of_both_forms_replace_each_other_without_one_failed_request(
    start: Start, connect: Connect, store: Store
) -> None:
    store.add("adder", 1, "adder", "1")
    server = start({"adder": store.base("adder")}, "--prefer-tflite-model", "--settle-seconds=0.2")
    client = connect(server)

    def over_rest() -> float:
        return http(f"{server.url}/v1/models/adder:predict", {"instances": [0.0]}).json["predictions"][0]

    def both_see(answer: float) -> None:
        true_soon(lambda: min(load.answered[answer] for load in (grpc_load, rest_load)) > 20, f"{answer} answers both")

    with Load(lambda: float(client.arrays("adder", x=[0.0])["y"][0])) as grpc_load, Load(over_rest, 1) as rest_load:
        both_see(1.0)
        store.add("adder", 2, "lite_adder", "20")
        both_see(20.0)
        assert server.listing()["adder"][2]["engine"] == "litert"
        store.add("adder", 3, "adder", "3")
        both_see(3.0)
        assert server.listing()["adder"][3]["engine"] == "tensorflow"
        add_both(store, 4)
        both_see(10.0)
    assert grpc_load.failures == rest_load.failures == []


def test_a_damaged_file_stays_out_with_its_reason_and_the_version_before_goes_on(
    start: Start, store: Store, models: Models
) -> None:
    store.add("m", 1, "lite_half_plus_two")
    server = start({"m": store.base("m")}, "--engine=litert", "--settle-seconds=0.1", "--max-num-load-retries=0")
    content = (models.version("lite_half_plus_two") / FILE).read_bytes()
    flipped = bytes([content[0] ^ 0x10]) + content[1:]
    for version, damaged in ((2, content[: len(content) // 2]), (3, flipped), (4, b"")):
        add_file(store, version, damaged)
        eventually(
            lambda version=version: server.why_not("m", version), lambda text: FILE in text, "the status says why"
        )
        assert "damaged" in server.why_not("m", version) or "empty" in server.why_not("m", version)
        assert server.post("/v1/models/m:predict", {"instances": [[2.0]]}).json == {"predictions": [[3.0]]}


def add_file(store: Store, version: int, content: bytes) -> None:
    copied = store.root / f".copy-{version}"
    copied.mkdir()
    (copied / FILE).write_bytes(content)
    copied.rename(store.base("m") / str(version))


def test_a_file_for_litert_names_it_where_another_engine_was_chosen(start: Start, models: Models) -> None:
    flags = ("--engine=tensorflow", "--max-num-load-retries=0")
    server = start({"m": models.path("lite_matmul")}, *flags, ready=False).wait_listening()
    eventually(lambda: server.why_not("m", 1), lambda text: "--engine litert" in text, "the status names it")


def test_an_answer_of_strings_and_one_of_8_bit_integers_reach_both_apis(
    start: Start, connect: Connect, models: Models
) -> None:
    server = start({name: models.path(f"lite_{name}") for name in ("strings", "quantized")}, "--engine=litert")
    client = connect(server)
    answer = client.arrays("strings", texts=np.array([b"a\xff", b""], object), index=np.array([2, 0], np.int32))
    assert answer["same"].tolist() == [b"a\xff", b""]
    assert answer["word"].tolist() == [b"ccc", b"a"]
    body = {"inputs": {"texts": ["t"], "index": [1]}}
    assert server.post("/v1/models/strings:predict", body).json == {"outputs": {"same": ["t"], "word": ["bb"]}}

    rows = np.arange(8, dtype=np.int8).reshape(2, 4)
    over_grpc = client.arrays("quantized", x=rows)["y"]
    assert over_grpc.dtype == np.int8
    assert server.post("/v1/models/quantized:predict", {"instances": rows.tolist()}).json == {
        "predictions": over_grpc.tolist()
    }


def test_several_files_share_one_worker(start: Start, models: Models) -> None:
    names = ("lite_half_plus_two", "lite_scalar", "half_plus_two")
    paths: dict[str, Path | str] = {name: models.path(name) for name in names}
    server = start(paths, "--prefer-tflite-model", "--isolation=shared")
    listing = server.listing()
    assert {listing[name][max(listing[name])]["engine"] for name in names[:2]} == {"litert"}
    assert listing["half_plus_two"][123]["engine"] == "tensorflow"
    assert len({entry["worker_pid"] for model in listing.values() for entry in model.values()}) == 1
    for name in ("lite_half_plus_two", "half_plus_two"):
        assert server.post(f"/v1/models/{name}:predict", {"instances": [[2.0]]}).status == 200
