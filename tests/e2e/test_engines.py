"""The other engines behind a whole server: same answers, same metadata, honest status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from tests.models.cache import Models
from tests.support.clients import Client, failure
from tests.support.engine_kits import CACHE, onnx_file
from tests.support.eventually import eventually
from tests.support.server import Server

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

PACKAGES = {"onnx": "onnxruntime", "openvino": "openvino"}
ROWS = 5
MODEL = "mnist"


def needs(engine: str) -> None:
    package = PACKAGES[engine]
    if find_spec(package) is None:
        pytest.skip(f"engine {engine}: {package} is not installed")


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(3).random((ROWS, 28, 28, 1), np.float32)


@pytest.mark.smoke
@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_another_engine_gives_tensorflows_answers(
    start: Start, connect: Connect, models: Models, images: np.ndarray, engine: str
) -> None:
    needs(engine)
    paths = {MODEL: models.path("mnist_cnn")}
    reference = start(paths)
    server = start(paths, f"--engine={engine}", f"--engine-cache-directory={CACHE}")

    expected = connect(reference).arrays(MODEL, image=images)["output_0"]
    over_grpc = connect(server).arrays(MODEL, image=images)["output_0"]
    over_rest = np.array(
        server.post(f"/v1/models/{MODEL}:predict", {"instances": images.tolist()}).json["predictions"], np.float32
    )
    assert expected.shape == (ROWS, 10)
    assert np.allclose(over_grpc, expected, rtol=1e-4, atol=1e-6)
    assert np.allclose(over_rest, expected, rtol=1e-4, atol=1e-6)

    assert reference.listing()[MODEL][1]["engine"] == "tensorflow"
    assert server.listing()[MODEL][1]["engine"] == engine
    signature = [
        each.get(f"/v1/models/{MODEL}/metadata").json["metadata"]["signature_def"]["signature_def"]["serving_default"]
        for each in (reference, server)
    ]
    assert signature[0] == signature[1]


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_what_a_client_gets_wrong_is_an_invalid_argument(
    start: Start, connect: Connect, models: Models, engine: str
) -> None:
    needs(engine)
    server = start({"m": models.path("matmul")}, f"--engine={engine}", f"--engine-cache-directory={CACHE}")
    client = connect(server)
    assert failure(lambda: client.arrays("m", x=np.ones((1, 4), np.float32)))[0] == "INVALID_ARGUMENT"
    assert failure(lambda: client.arrays("m", x=np.ones((1, 3), np.int32)))[0] == "INVALID_ARGUMENT"
    assert server.post("/v1/models/m:predict", {"instances": [[1, 2]]}).status == 400
    assert client.arrays("m", x=np.ones((1, 3), np.float32))["y"].tolist() == [[9.0, 12.0]]


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_an_onnx_file_is_a_servable(
    start: Start, connect: Connect, models: Models, tmp_path: Path, engine: str
) -> None:
    needs(engine)
    first = tmp_path / "m" / "1"
    first.mkdir(parents=True)
    onnx_file("half_plus_two", models, first)
    server = start({"m": tmp_path / "m"}, f"--engine={engine}")
    assert connect(server).arrays("m", x=[[2.0], [6.0]])["y"].tolist() == [[3.0], [5.0]]
    assert server.post("/v1/models/m:predict", {"instances": [[2.0]]}).json == {"predictions": [[3.0]]}


CLASS = """
    import numpy as np

    class Model:
        signature = {{
            "inputs": {{"x": ("float32", [None]), "unit": ("string", [None])}},
            "outputs": {{"y": ("float32", [None]), "label": ("string", [None])}},
        }}

        def load(self, path):
            self.offset = float((path / "offset.txt").read_text())

        def predict(self, inputs):
            if np.isnan(inputs["x"]).any():
                raise ValueError("x must be a number")
            y = inputs["x"] / {divisor} + self.offset
            return {{"y": y, "label": [f"{{value:g}} {{unit.decode()}}" for value, unit in zip(y, inputs["unit"])]}}
"""


def add_class(base: Path, version: int, divisor: int) -> None:
    copied = base.parent / f".copy-{version}"
    copied.mkdir(parents=True)
    (copied / "model.py").write_text(dedent(CLASS.format(divisor=divisor)))
    (copied / "offset.txt").write_text("2")
    base.mkdir(exist_ok=True)
    copied.rename(base / str(version))


def test_a_class_is_a_servable_and_a_new_version_takes_over(start: Start, tmp_path: Path) -> None:
    base = tmp_path / "store" / "m"
    add_class(base, 1, 2)
    server = start({"m": base}, "--engine=python", "--python-instances=2", "--settle-seconds=0.1")

    def predict(x: float = 4.0) -> object:
        return server.post("/v1/models/m:predict", {"instances": [{"x": x, "unit": "m"}]}).json

    assert predict() == {"predictions": [{"y": 4.0, "label": "4 m"}]}
    answer = server.post("/v1/models/m:predict", '{"instances": [{"x": NaN, "unit": "m"}]}')
    assert (answer.status, answer.error) == (400, "x must be a number")
    assert server.listing()["m"][1]["engine"] == "python"

    add_class(base, 2, 4)
    server.wait_state("m", 2)
    eventually(predict, lambda given: given == {"predictions": [{"y": 3.0, "label": "3 m"}]}, "version 2 answers")
    server.wait_state("m", 1, "END")
    assert server.states("m")[2] == "AVAILABLE"  # nothing that loading does looks like a change of the version


def test_a_class_that_cannot_load_says_why_in_its_status(start: Start, tmp_path: Path) -> None:
    (tmp_path / "m" / "1").mkdir(parents=True)
    (tmp_path / "m" / "1" / "model.py").write_text("import nothing_of_that_name")
    server = start({"m": tmp_path / "m"}, "--engine=python", "--max-num-load-retries=0", ready=False).wait_listening()
    eventually(lambda: server.why_not("m", 1), lambda text: "nothing_of_that_name" in text, "the status says why")


def test_a_version_for_another_engine_stays_out_and_names_it(start: Start, tmp_path: Path, models: Models) -> None:
    server = start(
        {"m": models.path("half_plus_two")}, "--engine=python", "--max-num-load-retries=0", ready=False
    ).wait_listening()
    eventually(lambda: server.why_not("m", 123), lambda text: "--engine tensorflow" in text, "the status names it")


def test_two_servers_convert_once(start: Start, connect: Connect, models: Models, tmp_path: Path) -> None:
    needs("onnx")
    flags = ("--engine=onnx", f"--engine-cache-directory={tmp_path}")
    servers = [start({"m": models.path("matmul")}, *flags, ready=False) for _ in range(2)]
    for server in servers:
        client = connect(server.wait_ready())
        assert client.arrays("m", x=[[1.0, 1.0, 1.0]])["y"].tolist() == [[9.0, 12.0]]
    (kept,) = (tmp_path / "onnx").iterdir()
    assert (kept / "manifest.json").is_file()


def test_a_pipeline_of_scikit_learn_answers_the_same_as_a_class_and_as_an_onnx_file(
    start: Start, connect: Connect, tmp_path: Path
) -> None:
    needs("onnx")
    if find_spec("skl2onnx") is None:
        pytest.skip("skl2onnx is not installed")
    flowers = export_pipeline(tmp_path)
    expected = flowers.pipeline.predict_proba(flowers.rows)
    for engine, name in (("onnx", "X"), ("python", "rows")):
        client = connect(start({"m": tmp_path / engine}, f"--engine={engine}"))
        answer = client.arrays("m", **{name: flowers.rows})
        assert answer["label"].tolist() == flowers.pipeline.predict(flowers.rows).tolist()
        assert np.allclose(answer["probabilities"], expected, atol=1e-5)


@dataclass(frozen=True, slots=True)
class Flowers:
    """A trained pipeline and rows to ask it about."""

    pipeline: Any
    rows: np.ndarray


def export_pipeline(root: Path) -> Flowers:
    """Train a classifier and write it as `onnx/1/model.onnx` and as `python/1/model.py` beside its pickle."""
    import joblib  # noqa: PLC0415 - needed by this test alone
    from skl2onnx import to_onnx  # noqa: PLC0415
    from sklearn.datasets import load_iris  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    features, labels = load_iris(return_X_y=True)
    rows = features[::7].astype(np.float32)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(features, labels)
    for engine in ("onnx", "python"):
        (root / engine / "1").mkdir(parents=True)
    graph = to_onnx(pipeline, rows[:1], options={"zipmap": False})
    (root / "onnx" / "1" / "model.onnx").write_bytes(graph.SerializeToString())
    joblib.dump(pipeline, root / "python" / "1" / "pipeline.joblib")
    (root / "python" / "1" / "model.py").write_text(dedent(PIPELINE))
    return Flowers(pipeline, rows)


PIPELINE = """
    import joblib

    class Model:
        signature = {
            "inputs": {"rows": ("float32", [None, 4])},
            "outputs": {"label": ("int64", [None]), "probabilities": ("float32", [None, 3])},
        }

        def load(self, path):
            self.pipeline = joblib.load(path / "pipeline.joblib")

        def predict(self, inputs):
            rows = inputs["rows"]
            return {"label": self.pipeline.predict(rows), "probabilities": self.pipeline.predict_proba(rows)}
"""
