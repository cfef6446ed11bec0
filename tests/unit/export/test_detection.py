"""Which kind a model is of, told by its classes' modules and without any of their packages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from seaway.errors import InvalidArgument
from seaway.export.detection import kind_of, name_of


def made(module: str, name: str, *bases: type) -> type:
    return type(name, bases, {"__module__": module})


def derived(module: str, name: str) -> Any:
    return made("training", "Mine", made(module, name))()


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        pytest.param(derived("keras.src.models.model", "Model"), "keras", id="keras"),
        pytest.param(derived("tensorflow.python.module.module", "Module"), "tensorflow", id="tf-module"),
        pytest.param(derived("sklearn.base", "BaseEstimator"), "scikit", id="scikit"),
        pytest.param(derived("torch.nn.modules.module", "Module"), "torch", id="torch"),
        pytest.param(derived("onnx.onnx_ml_pb2", "ModelProto"), "onnx", id="onnx-in-memory"),
        pytest.param("models/m.onnx", "onnx", id="onnx-file"),
        pytest.param(Path("models/m.onnx"), "onnx", id="onnx-path"),
        pytest.param(
            made("training", "Both", made("keras.src", "Layer"), made("tensorflow.python", "Module"))(),
            "keras",
            id="the-most-particular",
        ),
    ],
)
def test_a_model_is_of_the_kind_that_its_classes_derive_from(model: Any, kind: str) -> None:
    assert kind_of(model) == kind


@pytest.mark.parametrize(
    ("model", "why"),
    [
        pytest.param("m.keras", "load it with keras", id="a-keras-file"),
        pytest.param("m.joblib", "load it with joblib", id="a-pickle"),
        pytest.param("m.tflite", "which LiteRT serves as it is", id="a-tflite-file"),
        pytest.param("saved/1", "give a Keras model, a tf.Module", id="a-directory"),
        pytest.param(made("lightgbm.basic", "Booster")(), "export its model.onnx by onnxmltools", id="a-booster"),
        pytest.param(made("torch.nn", "Parameter")(), r"or serve it as a class of your own", id="a-part-of-torch"),
        pytest.param(3, "a builtins.int cannot be exported", id="a-number"),
    ],
)
def test_what_is_of_no_kind_is_refused_with_what_to_do(model: Any, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        kind_of(model)


def test_a_model_is_called_by_its_package_and_class_and_a_file_by_its_name() -> None:
    assert name_of(made("sklearn.linear_model._ridge", "Ridge")()) == "sklearn.Ridge"
    assert name_of("a/b/m.onnx") == "m.onnx"


def test_nothing_of_a_framework_is_imported_to_find_out() -> None:
    before = {name for name in ("keras", "tensorflow", "torch") if name in sys.modules}
    kind_of(derived("keras.src.models.model", "Model"))
    assert {name for name in ("keras", "tensorflow", "torch") if name in sys.modules} == before
