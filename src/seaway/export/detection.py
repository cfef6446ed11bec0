"""Which adapter takes a model, by the modules that its classes come from: nothing is imported that the user has not.

A class that somebody derived is of the kind that it derives from, the most particular first.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from seaway.errors import InvalidArgument
from seaway.export.adapter import Adapted, Wish

_KINDS = "a Keras model, a tf.Module or tf.function, a scikit-learn estimator, a PyTorch module, or an .onnx file"
_INSTEAD = {
    ".keras": "load it with keras.saving.load_model and export the model",
    ".h5": "load it with keras.saving.load_model and export the model",
    ".pt": "load it with torch and export the module",
    ".pkl": "load it with joblib or pickle and export the estimator",
    ".joblib": "load it with joblib and export the estimator",
    ".tflite": "copy it to models/NAME/1/model.tflite, which LiteRT serves as it is",
}
_BOOSTERS = {
    "xgboost": "its model.onnx by onnxmltools",
    "lightgbm": "its model.onnx by onnxmltools",
    "catboost": "its model.onnx by save_model(..., format='onnx')",
}


def adapted(model: Any, wish: Wish, like: Any = None) -> Adapted:
    """Return the adapter of a model; `like` are rows of its training data, if there are any.

    Raises:  InvalidArgument - no adapter takes it, says what to do instead; SeawayError - of the adapter.
    """
    kind = kind_of(model)
    if kind == "scikit":
        return _estimator(model, wish, like)
    module, name = {
        "keras": ("seaway.export.keras_model", "KerasModel"),
        "tensorflow": ("seaway.export.tensorflow_function", "TensorFlowFunctions"),
        "torch": ("seaway.export.torch_module", "TorchModule"),
        "onnx": ("seaway.export.onnx_file", "OnnxGraph"),
    }[kind]
    found: Adapted = getattr(import_module(module), name)(model, wish)
    return found


def kind_of(model: Any) -> str:
    """Return the kind of a model.

    Raises:  InvalidArgument - it is of none; says which there are, and what to do with this one.
    """
    if isinstance(model, (str, Path)):
        return _kind_of_file(Path(model))
    for base in type(model).__mro__:
        kind = _kind_of_class(base)
        if kind:
            return kind
    package = type(model).__module__.partition(".")[0]
    instead = f"; export {_BOOSTERS[package]} and give the file" if package in _BOOSTERS else ""
    raise InvalidArgument(
        f"a {type(model).__module__}.{type(model).__name__} cannot be exported{instead}; give {_KINDS}, or serve it as "
        "a class of your own (model.py)"
    )


def name_of(model: Any) -> str:
    """Return what a person calls a model: its class, or its file."""
    if isinstance(model, (str, Path)):
        return Path(model).name
    return f"{type(model).__module__.partition('.')[0]}.{type(model).__name__}"


def _kind_of_class(base: type) -> str:
    package, name = base.__module__.partition(".")[0], base.__name__
    if package == "keras" and name in {"Model", "Functional", "Sequential", "Layer"}:
        return "keras"
    if package == "tensorflow" and name in {"Module", "Function", "ConcreteFunction", "PolymorphicFunction"}:
        return "tensorflow"
    if package == "sklearn" and name == "BaseEstimator":
        return "scikit"
    if package == "torch" and name == "Module":
        return "torch"
    return "onnx" if package == "onnx" and name == "ModelProto" else ""


def _kind_of_file(path: Path) -> str:
    if path.suffix == ".onnx":
        return "onnx"
    instead = _INSTEAD.get(path.suffix, "")
    raise InvalidArgument(f"{path} cannot be exported: {instead or f'give {_KINDS}'}")


def _estimator(model: Any, wish: Wish, like: Any) -> Adapted:
    from seaway.engines.choice import is_installed  # noqa: PLC0415 - with the rest of what only estimators need
    from seaway.export.scikit.estimator import estimator_of  # noqa: PLC0415
    from seaway.export.scikit.graph import ConvertedEstimator  # noqa: PLC0415
    from seaway.export.scikit.saved_model import MappedEstimator, why_not_mapped  # noqa: PLC0415

    package = type(model).__module__.partition(".")[0]
    if package in _BOOSTERS:
        raise InvalidArgument(
            f"{name_of(model)} is no class of scikit-learn's; export {_BOOSTERS[package]} and give the file"
        )
    estimator = estimator_of(model, wish, like)
    why = why_not_mapped(estimator)
    if not why and not is_installed("tensorflow"):
        why = "TensorFlow is not installed"
    return ConvertedEstimator(estimator, why) if why else MappedEstimator(estimator)
