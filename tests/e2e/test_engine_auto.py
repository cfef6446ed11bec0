"""`engine: auto` on a real server: another engine is tried beside it, takes over or is refused, and nobody notices."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import psutil
import pytest

from tests.models.cache import Models
from tests.support.clients import Client
from tests.support.engine_kits import CACHE, onnx_file
from tests.support.eventually import eventually
from tests.support.server import Server
from tests.support.store import Store

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

MODEL = "mnist"
LIMIT_S = 150.0
IMAGES = np.random.default_rng(3).random((5, 28, 28, 1), np.float32)
TRIALS = ("--engine-trials", "--engine-trials-delay-s=0", "--engine-trials-least-gain=0")
"""Whatever agrees takes over: which engine is faster is for the benchmarks to say."""


@pytest.fixture(autouse=True)
def needs_onnx() -> None:
    pytest.importorskip("onnxruntime")


@pytest.fixture
def cache(tmp_path: Path) -> str:
    """A cache without decisions, that has the conversions of earlier tests."""
    own = tmp_path / "cache"
    own.mkdir()
    CACHE.joinpath("onnx").mkdir(parents=True, exist_ok=True)
    (own / "onnx").symlink_to(CACHE / "onnx")
    return f"--engine-cache-directory={own}"


def choice(server: Server, model: str = MODEL) -> dict[str, Any]:
    found: dict[str, Any] = server.listing()[model][1].get("engine_choice", {})
    return found


def decided(server: Server, model: str = MODEL) -> dict[str, Any]:
    return eventually(
        lambda: choice(server, model),
        lambda found: found.get("state") in {"decided", "remembered"},
        "an engine is decided on",
        LIMIT_S,
    )


@contextmanager
def changed(store: Store, models: Models) -> Iterator[tuple[Any, Any]]:
    """The package and the graph of an ONNX file in the place of a SavedModel, which is written as it is left."""
    onnx = pytest.importorskip("onnx")
    path = store.add("matmul", 1, "matmul")
    onnx_file("matmul", models, path)
    model = onnx.load(path / "model.onnx")
    yield onnx, model.graph
    onnx.save(model, path / "model.onnx")


@contextmanager
def requests_all_along(client: Client, expected: np.ndarray) -> Iterator[list[str]]:
    """Ask again and again in the background; every answer that is not the expected one is a complaint."""
    stop, complaints, asked = threading.Event(), [], []

    def ask() -> None:
        while not stop.is_set() and len(asked) < 1_000_000:
            try:
                answer = client.arrays(MODEL, image=IMAGES)["output_0"]
                if not np.allclose(answer, expected, rtol=1e-3, atol=1e-5):
                    complaints.append(f"another answer: {answer}")
            except Exception as err:
                complaints.append(str(err))
            asked.append(1)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield complaints
    finally:
        stop.set()
        thread.join()
        assert asked, "nothing was asked"


def test_an_engine_that_agrees_takes_over_under_load_is_remembered_and_is_left_when_it_dies(
    start: Start, connect: Connect, models: Models, cache: str
) -> None:
    paths = {MODEL: models.path("mnist_cnn")}
    server = start(paths, *TRIALS, cache)
    client = connect(server)
    before = server.listing()[MODEL][1]
    expected = client.arrays(MODEL, image=IMAGES)["output_0"]
    with requests_all_along(client, expected) as complaints:
        found = decided(server)
    assert complaints == []
    assert found["engine"] in {"onnx", "openvino"}, found
    assert found["before"] == before["engine"] == "tensorflow"
    winner = next(each for each in found["tried"] if each["engine"] == found["engine"])
    assert winner["result"] == "faster"
    assert winner["compared"] > 20
    assert winner["measured"]["requests_per_s"] > 0

    now = server.listing()[MODEL][1]
    assert (now["state"], now["engine"]) == ("AVAILABLE", found["engine"])
    assert not psutil.pid_exists(before["worker_pid"]), "the worker of the engine before is gone"
    metrics = server.get("/monitoring/prometheus/metrics").body.decode()
    assert f'seaway_engine_trials_total{{engine="{found["engine"]}",model="mnist",outcome="faster"}} 1' in metrics
    eventually(
        lambda: server.get("/monitoring/prometheus/metrics").body,
        lambda text: f'seaway_engine_info{{engine="{found["engine"]}",model="mnist",version="1"}} 1'.encode() in text,
        "the metrics say which engine runs",
    )
    server.terminate()
    assert server.wait_end() == 0

    again = start(paths, *TRIALS, cache)
    assert again.listing()[MODEL][1]["engine"] == found["engine"], "the decision is remembered"
    assert decided(again)["state"] == "remembered"
    psutil.Process(again.worker_pid(MODEL, 1)).kill()
    back = eventually(
        lambda: again.listing()[MODEL][1], lambda version: version.get("engine") == "tensorflow", "it is back", 60.0
    )
    again.wait_state(MODEL, 1)
    assert np.allclose(connect(again).arrays(MODEL, image=IMAGES)["output_0"], expected, rtol=1e-4, atol=1e-6)
    assert back["state"] in {"LOADING", "AVAILABLE"}


@pytest.mark.smoke
def test_an_engine_that_differs_is_refused_and_the_status_says_where(
    start: Start, store: Store, models: Models, cache: str
) -> None:
    """The directory holds a SavedModel, and an ONNX file in its place whose weights are other ones."""
    with changed(store, models) as (onnx, graph):
        weights = onnx.numpy_helper.to_array(graph.initializer[0])
        graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weights * np.float32(1.01), "weights"))
    server = start({"matmul": store.base("matmul")}, *TRIALS, cache)
    answer = server.post("/v1/models/matmul:predict", {"instances": [[1.0, 2.0, 3.0]]}).json
    found = decided(server, "matmul")
    tried = {each["engine"]: each for each in found["tried"]}
    assert found["engine"] == "tensorflow"
    assert tried["onnx"]["result"] == "refused"
    assert "values differ" in tried["onnx"]["why"]
    assert server.post("/v1/models/matmul:predict", {"instances": [[1.0, 2.0, 3.0]]}).json == answer


def test_a_candidate_that_eats_memory_is_ended_and_harms_nobody(
    start: Start, store: Store, models: Models, cache: str
) -> None:
    """The ONNX file in the SavedModel's place fills four gigabytes before it answers."""
    with changed(store, models) as (onnx, greedy):
        greedy.node[-1].output[0] = "product"
        size = onnx.numpy_helper.from_array(np.array([1 << 30], np.int64), "size")
        one = onnx.numpy_helper.from_array(np.array([1.0], np.float32))
        greedy.initializer.append(size)
        greedy.node.append(onnx.helper.make_node("ConstantOfShape", ["size"], ["much"], value=one))
        greedy.node.append(onnx.helper.make_node("ReduceMax", ["much"], ["least"], keepdims=0))
        greedy.node.append(onnx.helper.make_node("Mul", ["product", "least"], ["y"]))
    limit = f"--engine-trials-max-memory-bytes={1 << 30}"
    server = start({"matmul": store.base("matmul")}, *TRIALS, cache, limit)
    before = server.worker_pid("matmul", 1)
    found = decided(server, "matmul")
    tried = {each["engine"]: each for each in found["tried"]}
    assert tried["onnx"]["result"] == "failed"
    assert tried["onnx"]["why"] == "the trial was ended: it took more than 1024 MiB of memory"
    assert server.worker_pid("matmul", 1) == before
    answer = server.post("/v1/models/matmul:predict", {"instances": [[1.0, 2.0, 3.0]]}).json
    assert answer == {"predictions": [[22.0, 28.0]]}


def test_without_tensorflow_another_engine_stands_in_and_says_what_is_proven(
    start: Start, models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    if find_spec("openvino") is None:
        pytest.skip("openvino is not installed")
    served = {MODEL: models.path("mnist_cnn")}  # Built before TensorFlow is hidden.
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        dedent(
            '''
            """Hides TensorFlow, as on a machine that does not have it."""
            import sys

            class Hidden:
                def find_spec(self, name, path=None, target=None):
                    if name.split(".")[0].startswith("tensorflow"):
                        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

            sys.meta_path.insert(0, Hidden())
            '''
        )
    )
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")
    server = start(served, *TRIALS)
    version = server.listing()[MODEL][1]
    assert version["engine"] == "openvino"
    found = eventually(lambda: choice(server), bool, "the choice is shown")
    assert found["state"] == "direct"
    assert found["why"].startswith("not proven: TensorFlow is not installed")
    assert connect(server).arrays(MODEL, image=IMAGES)["output_0"].shape == (5, 10)
