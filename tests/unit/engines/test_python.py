"""The engine for a user's own class."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from seaway.engines.engine import EngineOptions, Model
from seaway.engines.python import ENGINE
from seaway.engines.signatures import DEFAULT, FREE, TensorSpec, read
from seaway.errors import FailedPrecondition, Internal, InvalidArgument, SeawayError

Load = Callable[..., Model]

HALF = """
    class Model:
        signature = {"inputs": {"x": ("float32", [None, 1])}, "outputs": {"y": ("float32", [None, 1])}}

        def load(self, path):
            self.path = path

        def predict(self, inputs):
            return {"y": inputs["x"] / 2 + 2}
"""


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Load the text of a `model.py`; what loading changes in the interpreter is put back."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", sys.dont_write_bytecode)
    before = set(sys.modules)

    def load(text: str, **options: Any) -> Model:
        (tmp_path / "model.py").write_text(dedent(text))
        return ENGINE.load(tmp_path, EngineOptions(**options))

    yield load
    for name in set(sys.modules) - before:
        del sys.modules[name]


def predicting(body: str, dtype: str = "float32") -> str:
    """A class whose predict has this body and whose output `y` has this type."""
    return f"""
import numpy as np

class Model:
    signature = {{"inputs": {{"x": ("float32", None)}}, "outputs": {{"y": ("{dtype}", None)}}}}

    def load(self, path):
        pass

    def predict(self, inputs):
        {body}
"""


def run(model: Model, x: Any) -> Any:
    return model.run(DEFAULT, {"x": np.asarray(x, np.float32)}, ("y",))["y"]


def test_the_class_answers(load: Load) -> None:
    assert run(load(HALF), [[2.0], [4.0]]).tolist() == [[3.0], [4.0]]


def test_the_signature_is_what_the_class_declares(load: Load) -> None:
    signature = read(load(HALF).signature_def_map())[DEFAULT]
    assert signature.inputs == {"x": TensorSpec(1, (FREE, 1))}
    assert signature.outputs == {"y": TensorSpec(1, (FREE, 1))}


def test_load_may_set_the_signature(load: Load) -> None:
    text = """
        class Model:
            def load(self, path):
                self.signature = {"inputs": {"rows": ("int64", [None, 2])}, "outputs": {"label": ("string", [None])}}

            def predict(self, inputs):
                return {"label": ["odd" if row.sum() % 2 else "even" for row in inputs["rows"]]}
    """
    model = load(text)
    answer = model.run(DEFAULT, {"rows": np.array([[1, 1], [1, 2]])}, ("label",))
    assert answer["label"].tolist() == [b"even", b"odd"]


def test_without_a_signature_there_is_one_input_and_one_output(load: Load) -> None:
    signature = read(load("class Model:\n    load = predict = lambda self, _: {}").signature_def_map())[DEFAULT]
    assert (list(signature.inputs), list(signature.outputs)) == (["inputs"], ["outputs"])
    assert signature.inputs["inputs"] == TensorSpec(1, None)


def test_load_is_given_the_version_directory_and_may_import_what_lies_beside_it(load: Load, tmp_path: Path) -> None:
    (tmp_path / "beside_the_model.py").write_text("OFFSET = 40")
    text = predicting('return {"y": inputs["x"] + beside_the_model.OFFSET + int(self.text)}')
    text = text.replace("import numpy", "import beside_the_model\nimport numpy")
    (tmp_path / "number").write_text("2")
    assert run(load(text.replace("pass", 'self.text = (path / "number").read_text()')), [0.0]).tolist() == [42.0]
    assert not list(tmp_path.rglob("__pycache__"))  # it would look like a change of the version


@pytest.mark.parametrize(
    ("body", "dtype", "expected"),
    [
        pytest.param('return {"y": [1, 2]}', "int64", [1, 2], id="list"),
        pytest.param('return {"y": np.array([1.5])}', "float32", [1.5], id="float64-for-float32"),
        pytest.param('return {"y": 3.0}', "float32", 3.0, id="number"),
        pytest.param('return {"y": ["ä", b"b"]}', "string", ["ä".encode(), b"b"], id="strings"),
        pytest.param('return {"y": [True], "more": 1}', "bool", [True], id="an-output-too-many"),
    ],
)
def test_outputs_become_what_the_signature_declares(load: Load, body: str, dtype: str, expected: Any) -> None:
    answer = run(load(predicting(body, dtype)), [0.0])
    assert answer.tolist() == expected


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        pytest.param('raise ValueError("too hot")', InvalidArgument, "too hot", id="value-error"),
        pytest.param("return 1 / 0", Internal, "ZeroDivisionError: division by zero", id="any-other"),
        pytest.param("return [1.0]", Internal, "must return a dict", id="not-a-dict"),
        pytest.param('return {"z": 1.0}', Internal, "no output 'y', .* it gave: z", id="output-missing"),
        pytest.param('return {"y": "text"}', Internal, "output 'y' is not float32", id="text-for-a-number"),
        pytest.param('return {"y": [1j]}', Internal, "output 'y' is not float32", id="complex-for-float"),
        pytest.param('return {"y": [[1.0], [1.0, 2.0]]}', Internal, "output 'y' is not float32", id="ragged"),
    ],
)
def test_what_predict_does_wrong_is_told(load: Load, body: str, kind: type[SeawayError], words: str) -> None:
    with pytest.raises(kind, match=words):
        run(load(predicting(body)), [0.0])


def test_a_shape_that_does_not_fit_never_reaches_predict(load: Load) -> None:
    with pytest.raises(InvalidArgument, match=r"has shape \[3\]; expected \[\?,1\]"):
        run(load(HALF), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        pytest.param("", FailedPrecondition, "has no class Model", id="no-class"),
        pytest.param("class Model: pass", FailedPrecondition, "without load and predict", id="no-methods"),
        pytest.param("import nothing_of_that_name", Internal, "ModuleNotFoundError", id="import-fails"),
        pytest.param("raise SystemExit(3)", Internal, "SystemExit: 3", id="leaving"),
        pytest.param("class Model", Internal, "SyntaxError", id="syntax"),
        pytest.param(HALF.replace("self.path = path", "1 / 0"), Internal, "ZeroDivisionError", id="load-fails"),
        pytest.param(HALF.replace('"float32"', '"float31"'), FailedPrecondition, "it looks like", id="bad-type"),
        pytest.param(HALF.replace('"outputs"', '"results"'), FailedPrecondition, "it looks like", id="no-outputs"),
    ],
)
def test_what_cannot_be_loaded_says_why(load: Load, text: str, kind: type[SeawayError], words: str) -> None:
    with pytest.raises(kind, match=words):
        load(text)


def test_a_directory_without_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"has no model\.py"):
        ENGINE.load(tmp_path, EngineOptions())


def test_each_instance_answers_one_run_at_a_time_and_all_of_them_at_once(load: Load) -> None:
    text = predicting("self.barrier.wait(); return {'y': [self.number]}")
    model = load(text.replace("pass", "self.barrier = None"), instances=2)
    barrier = threading.Barrier(2, timeout=10)
    for number, instance in enumerate(model._instances):  # type: ignore[attr-defined]
        instance.barrier, instance.number = barrier, float(number)
    with ThreadPoolExecutor(4) as pool:
        answers = [future.result()[0] for future in [pool.submit(run, model, [0.0]) for _ in range(4)]]
    assert sorted(answers) == [0.0, 0.0, 1.0, 1.0]


def test_an_instance_is_free_again_after_an_error(load: Load) -> None:
    model = load(predicting("return {'y': 1 / inputs['x'].item()}"))
    with pytest.raises(Internal):
        run(model, 0.0)
    assert run(model, 2.0) == 0.5


def test_closing_closes_instances_that_can_be_closed(load: Load, tmp_path: Path) -> None:
    text = HALF + "\n        def close(self):\n            (self.path / 'closed').touch()\n"
    load(text).close()
    assert (tmp_path / "closed").exists()
    load(HALF).close()
