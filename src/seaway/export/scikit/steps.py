"""Transformers as TensorFlow operations: one function for each, which computes what `transform` computes.

A class is here only if it maps exactly: elementwise arithmetic, a choice of columns, a product with a matrix. Settings
of a class that do not map are refused by `why_not`, and the whole model is then written as ONNX.

Source: the `transform` methods of scikit-learn 1.7 to 1.9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Program:
    """Writes operations in one element type."""

    tf: Any
    dtype: Any

    def constant(self, values: Any) -> Any:
        """Return fitted values in the type that is computed in."""
        return self.tf.constant(np.asarray(values), self.dtype)


Step = Callable[[Program, Any, Any], Any]
"""Program, fitted transformer and matrix in; matrix out."""


def _standard_scaler(p: Program, fitted: Any, x: Any) -> Any:
    if fitted.with_mean:
        x = x - p.constant(fitted.mean_)
    return x / p.constant(fitted.scale_) if fitted.with_std else x


def _min_max_scaler(p: Program, fitted: Any, x: Any) -> Any:
    x = x * p.constant(fitted.scale_) + p.constant(fitted.min_)
    low, high = fitted.feature_range
    return p.tf.clip_by_value(x, p.constant(low), p.constant(high)) if fitted.clip else x


def _max_abs_scaler(p: Program, fitted: Any, x: Any) -> Any:
    x = x / p.constant(fitted.scale_)
    return p.tf.clip_by_value(x, p.constant(-1.0), p.constant(1.0)) if getattr(fitted, "clip", False) else x


def _robust_scaler(p: Program, fitted: Any, x: Any) -> Any:
    if fitted.with_centering:
        x = x - p.constant(fitted.center_)
    return x / p.constant(fitted.scale_) if fitted.with_scaling else x


def _normalizer(p: Program, fitted: Any, x: Any) -> Any:
    tf = p.tf
    sizes = {
        "l1": lambda: tf.reduce_sum(tf.abs(x), 1, keepdims=True),
        "l2": lambda: tf.sqrt(tf.reduce_sum(x * x, 1, keepdims=True)),
        "max": lambda: tf.reduce_max(tf.abs(x), 1, keepdims=True),
    }[fitted.norm]()
    return x / tf.where(sizes == 0, tf.ones_like(sizes), sizes)


def _binarizer(p: Program, fitted: Any, x: Any) -> Any:
    return p.tf.cast(x > p.constant(fitted.threshold), p.dtype)


def _simple_imputer(p: Program, fitted: Any, x: Any) -> Any:
    return p.tf.where(p.tf.math.is_nan(x), p.constant(fitted.statistics_), x)


def _selector(p: Program, fitted: Any, x: Any) -> Any:
    return p.tf.gather(x, p.tf.constant(fitted.get_support(indices=True), p.tf.int64), axis=1)


def _pca(p: Program, fitted: Any, x: Any) -> Any:
    x = (x - p.constant(fitted.mean_)) @ p.constant(fitted.components_.T)
    if not fitted.whiten:
        return x
    scale = np.sqrt(fitted.explained_variance_)
    return x / p.constant(np.maximum(scale, np.finfo(scale.dtype).eps))


def _truncated_svd(p: Program, fitted: Any, x: Any) -> Any:
    return x @ p.constant(fitted.components_.T)


def _unchanged(p: Program, fitted: Any, x: Any) -> Any:
    del p, fitted
    return x


STEPS: Mapping[str, Step] = {
    "StandardScaler": _standard_scaler,
    "MinMaxScaler": _min_max_scaler,
    "MaxAbsScaler": _max_abs_scaler,
    "RobustScaler": _robust_scaler,
    "Normalizer": _normalizer,
    "Binarizer": _binarizer,
    "SimpleImputer": _simple_imputer,
    "VarianceThreshold": _selector,
    "SelectKBest": _selector,
    "SelectPercentile": _selector,
    "SelectFpr": _selector,
    "SelectFromModel": _selector,
    "RFE": _selector,
    "PCA": _pca,
    "IncrementalPCA": _pca,
    "TruncatedSVD": _truncated_svd,
    "FunctionTransformer": _unchanged,
}
"""By the name of scikit-learn's class."""


def why_not(fitted: Any) -> str:
    """Return why the settings of a transformer do not map, empty where they do."""
    name = type(fitted).__name__
    if name == "SimpleImputer":
        is_plain = isinstance(fitted.missing_values, float) and np.isnan(fitted.missing_values)
        is_numeric = np.asarray(fitted.statistics_).dtype.kind == "f"
        if not is_plain or not is_numeric or fitted.add_indicator or np.isnan(fitted.statistics_).any():
            return "SimpleImputer maps for NaN in columns of numbers that have values, without an indicator"
    if name == "FunctionTransformer" and fitted.func is not None:
        return "FunctionTransformer calls a function of Python's"
    return ""
