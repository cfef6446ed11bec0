"""Every estimator that is written with TensorFlow's operations computes what scikit-learn computes, on real data."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from sklearn import decomposition, discriminant_analysis, feature_selection, linear_model, neural_network, svm
from sklearn import preprocessing as prep
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from seaway.errors import FailedPrecondition
from seaway.export.adapter import Wish
from seaway.export.examples import given_examples
from seaway.export.onnx_servable import GraphRunner
from seaway.export.scikit.estimator import Estimator, estimator_of
from seaway.export.scikit.graph import ConvertedEstimator
from seaway.export.scikit.saved_model import MappedEstimator, why_not_mapped
from seaway.proof.agreement import compare_arrays

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore")]

DIGITS, DIGIT = (array[:400] for array in load_digits(return_X_y=True))
DIABETES, PROGRESS = load_diabetes(return_X_y=True)
TUMOURS, TUMOUR = load_breast_cancer(return_X_y=True)
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])[DIGIT]
LINES = [
    (line, topic)
    for topic, load in enumerate((load_digits, load_breast_cancer))
    for line in load().DESCR.splitlines()
    if len(line) > 20 and line.isascii()
]
TEXTS = np.array([[line] for line, _ in LINES], object)
TOPICS = np.array([topic for _, topic in LINES])
SEVERAL = np.stack([PROGRESS, PROGRESS**0.5], 1)

Data = tuple[np.ndarray, np.ndarray]
DIGITS_DATA, TUMOURS_DATA, DIABETES_DATA = (DIGITS, DIGIT), (TUMOURS, TUMOUR), (DIABETES, PROGRESS)


def scaled(model: Any) -> Any:
    return make_pipeline(prep.StandardScaler(), model)


def grid(model: Any) -> Any:
    return GridSearchCV(model, {"C": [0.1, 1.0]}, cv=2)


CASES: dict[str, tuple[Callable[[], Any], Data]] = {
    "logistic-binary": (lambda: scaled(linear_model.LogisticRegression()), TUMOURS_DATA),
    "logistic-multinomial": (lambda: scaled(linear_model.LogisticRegression()), DIGITS_DATA),
    "logistic-words": (lambda: scaled(linear_model.LogisticRegression()), (DIGITS, NAMES)),
    "logistic-booleans": (lambda: scaled(linear_model.LogisticRegression()), (TUMOURS, TUMOUR == 1)),
    "logistic-floats": (lambda: scaled(linear_model.LogisticRegression()), (TUMOURS, TUMOUR * 2.0)),
    "logistic-liblinear": (lambda: scaled(linear_model.LogisticRegression(solver="liblinear")), TUMOURS_DATA),
    "logistic-searched": (lambda: grid(linear_model.LogisticRegression()), (DIGITS / 16, DIGIT)),
    "sgd-log-loss": (lambda: scaled(linear_model.SGDClassifier(loss="log_loss", random_state=0)), DIGITS_DATA),
    "sgd-hinge": (lambda: scaled(linear_model.SGDClassifier(random_state=0)), DIGITS_DATA),
    "ridge-classifier": (linear_model.RidgeClassifier, TUMOURS_DATA),
    "perceptron": (lambda: scaled(linear_model.Perceptron(random_state=0)), DIGITS_DATA),
    "linear-svc": (lambda: scaled(svm.LinearSVC()), TUMOURS_DATA),
    "linear-svc-words": (lambda: scaled(svm.LinearSVC()), (DIGITS, NAMES)),
    "discriminant-binary": (discriminant_analysis.LinearDiscriminantAnalysis, TUMOURS_DATA),
    "discriminant": (lambda: discriminant_analysis.LinearDiscriminantAnalysis(solver="lsqr"), DIGITS_DATA),
    "perceptrons": (lambda: scaled(neural_network.MLPClassifier((16,), max_iter=20, random_state=0)), DIGITS_DATA),
    "perceptrons-binary": (
        lambda: scaled(neural_network.MLPClassifier((8,), "tanh", max_iter=20, random_state=0)),
        TUMOURS_DATA,
    ),
    "perceptrons-regression": (
        lambda: scaled(
            neural_network.MLPRegressor(hidden_layer_sizes=(8, 8), activation="logistic", max_iter=20, random_state=0)
        ),
        DIABETES_DATA,
    ),
    "perceptrons-several": (
        lambda: neural_network.MLPRegressor(hidden_layer_sizes=(8,), max_iter=20, random_state=0),
        (DIABETES, SEVERAL),
    ),
    "linear": (linear_model.LinearRegression, DIABETES_DATA),
    "linear-several": (linear_model.LinearRegression, (DIABETES, SEVERAL)),
    "ridge": (linear_model.Ridge, DIABETES_DATA),
    "lasso": (linear_model.Lasso, DIABETES_DATA),
    "elastic-net": (linear_model.ElasticNetCV, DIABETES_DATA),
    "huber": (linear_model.HuberRegressor, DIABETES_DATA),
    "linear-svr": (svm.LinearSVR, DIABETES_DATA),
    "min-max": (lambda: make_pipeline(prep.MinMaxScaler(clip=True), linear_model.Ridge()), DIABETES_DATA),
    "max-abs": (lambda: make_pipeline(prep.MaxAbsScaler(), linear_model.Ridge()), DIABETES_DATA),
    "robust": (lambda: make_pipeline(prep.RobustScaler(), linear_model.Ridge()), DIABETES_DATA),
    "normalizer-l1": (lambda: make_pipeline(prep.Normalizer("l1"), linear_model.Ridge()), DIABETES_DATA),
    "normalizer-max": (lambda: prep.Normalizer("max"), DIGITS_DATA),
    "binarizer": (lambda: prep.Binarizer(threshold=8.0), DIGITS_DATA),
    "imputer": (lambda: make_pipeline(SimpleImputer(strategy="median"), linear_model.Ridge()), DIABETES_DATA),
    "pca": (lambda: decomposition.PCA(5), DIGITS_DATA),
    "pca-whitened": (lambda: make_pipeline(decomposition.PCA(5, whiten=True), linear_model.Ridge()), DIABETES_DATA),
    "svd": (lambda: decomposition.TruncatedSVD(4), DIGITS_DATA),
    "selected": (lambda: make_pipeline(feature_selection.SelectKBest(k=5), linear_model.Ridge()), DIABETES_DATA),
    "nested": (lambda: scaled(make_pipeline("passthrough", scaled(linear_model.Ridge()))), DIABETES_DATA),
}


ALSO_IN_32_BITS = ("logistic-multinomial", "linear-svc", "perceptrons", "perceptrons-regression", "ridge", "pca")


def fitted(case: str, dtype: str) -> tuple[Estimator, np.ndarray]:
    make, (rows, target) = CASES[case]
    rows = rows.astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make().fit(rows, target)
    return estimator_of(model, Wish(given_examples(rows[:5]))), rows


@pytest.mark.parametrize(
    ("case", "dtype"),
    [*((case, "float64") for case in CASES), *((case, "float32") for case in ALSO_IN_32_BITS)],
)
def test_an_estimator_and_its_operations_answer_the_same(case: str, dtype: str) -> None:
    estimator, rows = fitted(case, dtype)
    assert why_not_mapped(estimator) == ""
    [name] = estimator.inputs
    expected = estimator.answer({name: rows})
    found = MappedEstimator(estimator).function(tf)(tf.constant(rows))
    assert set(found) == set(expected)
    for output, array in expected.items():
        answer = found[output].numpy()
        assert (answer.shape, answer.dtype) == (array.shape, array.dtype)
        if array.dtype == object:
            assert answer.tolist() == array.tolist()
        elif array.dtype.kind in "iub":
            # Two classes with the same score to the last bit may change places; nothing else may.
            assert np.count_nonzero(answer != array) <= (0 if dtype == "float64" else 2)
        else:
            assert compare_arrays(array.ravel(), answer.ravel()).difference == ""


@pytest.mark.parametrize(
    ("model", "why"),
    [
        pytest.param(RandomForestClassifier(3), "RandomForestClassifier has no counterpart", id="trees"),
        pytest.param(scaled(GradientBoostingClassifier(n_estimators=2)), "has no counterpart", id="trees-inside"),
        pytest.param(linear_model.SGDClassifier(loss="modified_huber"), "every loss but", id="a-loss"),
        pytest.param(type("Mine", (linear_model.Ridge,), {})(), "Mine is no class of scikit-learn's", id="derived"),
        pytest.param(
            make_pipeline(prep.FunctionTransformer(np.log1p), linear_model.Ridge()), "calls a function", id="a-function"
        ),
    ],
)
def test_what_does_not_map_exactly_says_why(model: Any, why: str) -> None:
    model.fit(TUMOURS, TUMOUR)
    assert why in why_not_mapped(estimator_of(model, Wish(given_examples(TUMOURS[:2]))))


CONVERTED: dict[str, tuple[Any, Data]] = {
    "forest": (RandomForestClassifier(5, random_state=0), DIGITS_DATA),
    "forest-words": (RandomForestClassifier(5, random_state=0), (DIGITS, NAMES)),
    "boosting": (GradientBoostingRegressor(n_estimators=10), DIABETES_DATA),
    "isolation": (IsolationForest(n_estimators=10, random_state=0), DIABETES_DATA),
    "neighbours": (KNeighborsClassifier(), DIGITS_DATA),
    "support-vectors": (svm.SVC(), DIGITS_DATA),
    "support-vectors-binary": (scaled(svm.SVC()), TUMOURS_DATA),
    "support-vectors-regression": (svm.SVR(), DIABETES_DATA),
    "clusters": (KMeans(4, n_init=1, random_state=0), DIGITS_DATA),
    "texts": (make_pipeline(TfidfVectorizer(), linear_model.LogisticRegression()), (TEXTS, TOPICS)),
}


@pytest.mark.parametrize("case", CONVERTED)
def test_an_estimator_and_its_graph_answer_the_same(case: str, tmp_path: Path) -> None:
    model, (rows, target) = CONVERTED[case]
    model.fit(rows.ravel() if rows.dtype == object else rows, target)
    estimator = estimator_of(model, Wish(given_examples(rows[:5])))
    ConvertedEstimator(estimator, why_not_mapped(estimator)).write(tmp_path)
    [name] = estimator.inputs
    expected = estimator.answer({name: rows})
    found = GraphRunner(str(tmp_path / "model.onnx"))({name: rows}, list(expected))
    for output, array in expected.items():
        answer = found[output]
        assert answer.shape == array.shape
        if array.dtype == object:
            assert [str(each) for each in answer] == [each.decode() for each in array]
        elif array.dtype.kind in "iub":
            assert answer.tolist() == array.tolist()
        else:
            np.testing.assert_allclose(answer, array, rtol=1e-3, atol=1e-4 * np.abs(array).max())


def test_an_estimator_that_nobody_can_convert_is_refused_with_what_to_do() -> None:
    model = type("Mine", (linear_model.Ridge,), {})().fit(DIABETES, PROGRESS)
    estimator = estimator_of(model, Wish(given_examples(DIABETES[:2])))
    with pytest.raises(FailedPrecondition, match=r"Mine cannot be exported: .* Serve it as a class of your own"):
        ConvertedEstimator(estimator, why_not_mapped(estimator))
