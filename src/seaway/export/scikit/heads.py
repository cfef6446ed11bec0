"""Last steps of a pipeline as TensorFlow operations: linear models, and multi-layer perceptrons.

Each gives what the estimator's methods give, by method. Softmax and sigmoid are TensorFlow's; which of them turns
scores into probabilities is decided as scikit-learn decides it, by solver and classes.

Source: LinearClassifierMixin, LogisticRegression.predict_proba and BaseMultilayerPerceptron of scikit-learn 1.7 to 1.9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seaway.export.scikit.steps import Program

Head = Callable[[Program, Any, Any], dict[str, Any]]
"""Program, fitted estimator and matrix in; what each method answers out."""

_BINARY = 2
_MATRIX = 2


def _linear_regressor(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    coefficients = np.asarray(fitted.coef_)
    scores = x @ p.constant(np.atleast_2d(coefficients).T) + p.constant(fitted.intercept_)
    return {"predict": scores if coefficients.ndim == _MATRIX else p.tf.reshape(scores, [-1])}


def _linear_classifier(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    scores = x @ p.constant(np.atleast_2d(fitted.coef_).T) + p.constant(fitted.intercept_)
    if len(fitted.classes_) > _BINARY:
        return {"predict": _labels(p, fitted, p.tf.argmax(scores, 1)), "decision_function": scores}
    flat = p.tf.reshape(scores, [-1])
    return {"predict": _labels(p, fitted, p.tf.cast(flat > 0, p.tf.int64)), "decision_function": flat}


def _by_sigmoid(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    answers = _linear_classifier(p, fitted, x)
    shares = p.tf.sigmoid(answers["decision_function"])
    if len(fitted.classes_) <= _BINARY:
        return answers | {"predict_proba": p.tf.stack([1 - shares, shares], 1)}
    total = p.tf.reduce_sum(shares, 1, keepdims=True)
    uniform = p.tf.ones_like(shares) / len(fitted.classes_)
    # Scores so low that every share is zero say nothing about any class.
    return answers | {"predict_proba": p.tf.where(total == 0, uniform, shares / total)}


def _by_softmax(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    answers = _linear_classifier(p, fitted, x)
    scores = answers["decision_function"]
    if len(fitted.classes_) <= _BINARY:
        scores = p.tf.stack([-scores, scores], 1)
    return answers | {"predict_proba": p.tf.nn.softmax(scores, 1)}


def _logistic_regression(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    return (_by_sigmoid if _is_one_against_rest(fitted) else _by_softmax)(p, fitted, x)


def _discriminant(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    return (_by_sigmoid if len(fitted.classes_) <= _BINARY else _by_softmax)(p, fitted, x)


def _sgd_classifier(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    return (_by_sigmoid if fitted.loss == "log_loss" else _linear_classifier)(p, fitted, x)


def _perceptron_regressor(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    out = _layers(p, fitted, x)
    return {"predict": out if fitted.n_outputs_ > 1 else p.tf.reshape(out, [-1])}


def _perceptron_classifier(p: Program, fitted: Any, x: Any) -> dict[str, Any]:
    out = _layers(p, fitted, x)
    if fitted.out_activation_ == "softmax":
        return {"predict": _labels(p, fitted, p.tf.argmax(out, 1)), "predict_proba": out}
    share = p.tf.reshape(out, [-1])
    label = _labels(p, fitted, p.tf.cast(share > p.constant(0.5), p.tf.int64))
    return {"predict": label, "predict_proba": p.tf.stack([1 - share, share], 1)}


def _layers(p: Program, fitted: Any, x: Any) -> Any:
    for weights, biases in zip(fitted.coefs_[:-1], fitted.intercepts_[:-1], strict=True):
        x = _activated(p, fitted.activation, x @ p.constant(weights) + p.constant(biases))
    x = x @ p.constant(fitted.coefs_[-1]) + p.constant(fitted.intercepts_[-1])
    return _activated(p, fitted.out_activation_, x)


def _activated(p: Program, activation: str, x: Any) -> Any:
    functions: Mapping[str, Callable[[Any], Any]] = {
        "identity": p.tf.identity,
        "logistic": p.tf.sigmoid,
        "tanh": p.tf.tanh,
        "relu": p.tf.nn.relu,
        "softmax": p.tf.nn.softmax,
        "exp": p.tf.exp,
    }
    return functions[activation](x)


def _labels(p: Program, fitted: Any, index: Any) -> Any:
    classes = np.asarray(fitted.classes_)
    if classes.dtype.kind in "OSU":
        return p.tf.gather(p.tf.constant([str(each) for each in classes.tolist()], p.tf.string), index)
    return p.tf.gather(p.tf.constant(classes.astype(np.int64) if classes.dtype.kind in "iu" else classes), index)


def _is_one_against_rest(fitted: Any) -> bool:
    chosen = getattr(fitted, "multi_class", "auto")  # gone with scikit-learn 1.9
    if chosen in {"ovr", "multinomial"}:
        return bool(chosen == "ovr")
    return len(fitted.classes_) <= _BINARY or fitted.solver == "liblinear"


_LINEAR_REGRESSORS = (
    "LinearRegression",
    "Ridge",
    "RidgeCV",
    "Lasso",
    "LassoCV",
    "ElasticNet",
    "ElasticNetCV",
    "Lars",
    "LarsCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "MultiTaskLasso",
    "MultiTaskElasticNet",
    "BayesianRidge",
    "ARDRegression",
    "HuberRegressor",
    "SGDRegressor",
    "TheilSenRegressor",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "QuantileRegressor",
    "LinearSVR",
)

HEADS: Mapping[str, Head] = {
    **dict.fromkeys(_LINEAR_REGRESSORS, _linear_regressor),
    **dict.fromkeys(
        ("LinearSVC", "RidgeClassifier", "RidgeClassifierCV", "Perceptron", "PassiveAggressiveClassifier"),
        _linear_classifier,
    ),
    "LogisticRegression": _logistic_regression,
    "LogisticRegressionCV": _logistic_regression,
    "LinearDiscriminantAnalysis": _discriminant,
    "SGDClassifier": _sgd_classifier,
    "MLPRegressor": _perceptron_regressor,
    "MLPClassifier": _perceptron_classifier,
}
"""By the name of scikit-learn's class."""


def why_not(fitted: Any) -> str:
    """Return why the settings of an estimator do not map, empty where they do."""
    name = type(fitted).__name__
    if name == "SGDClassifier" and fitted.loss == "modified_huber":
        return "SGDClassifier maps for every loss but modified_huber"
    if hasattr(fitted, "classes_") and not isinstance(fitted.classes_, np.ndarray):
        return f"{name} has several targets"
    if name == "MLPClassifier" and fitted._label_binarizer.y_type_.startswith("multilabel"):
        return "MLPClassifier has several labels for a row"
    if name.startswith("RidgeClassifier") and len(np.atleast_2d(fitted.coef_)) not in {1, len(fitted.classes_)}:
        return f"{name} has several labels for a row"
    if name.startswith("LogisticRegression") and len(np.atleast_2d(fitted.coef_)) == 1 < len(fitted.classes_) - 1:
        return f"{name} has one set of coefficients for several classes"
    return ""
