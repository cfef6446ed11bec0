"""Train one of the demo's models and export it as a SavedModel.

    python -m examples.demo.train linear    --out models/linear/1
    python -m examples.demo.train mnist_cnn --out models/mnist_cnn/1 --checkpoint cnn.keras --epochs 12

A process of its own, as training is in practice: the exported directory is all that the server ever sees.
The last line it prints is JSON: what was measured on the held-out rows.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LinearRegression

from examples.demo import data


class Line(tf.Module):
    """What a fitted LinearRegression knows, in a form that TensorFlow can save.

    A scikit-learn estimator is not trackable, so `tf.saved_model.save(estimator, ...)` fails. Its knowledge is two
    arrays; they become variables, and its `predict` becomes a function of them.
    """

    def __init__(self, estimator: LinearRegression) -> None:
        """Copy the coefficients out of the estimator."""
        super().__init__()
        self.coefficients = tf.Variable(estimator.coef_.reshape(-1, 1), dtype=tf.float32)
        self.intercept = tf.Variable(float(estimator.intercept_), dtype=tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name="input")])
    def predict(self, input: tf.Tensor) -> dict[str, tf.Tensor]:
        """One prediction per row."""
        return {"output": input @ self.coefficients + self.intercept}


def train_linear(out: Path) -> dict[str, float]:
    """Fit the line, export it with the signature `predict`, and return its error on the held-out rows."""
    split = data.diabetes()
    estimator = LinearRegression().fit(split.train_x, split.train_y)
    line = Line(estimator)
    signatures = {"predict": line.predict, "serving_default": line.predict}
    tf.saved_model.save(line, str(out), signatures=signatures)
    error = float(np.mean(np.abs(estimator.predict(split.held_x) - split.held_y)))
    return {"coefficient": float(estimator.coef_[0]), "mean_absolute_error": error}


def untrained_cnn() -> keras.Model:
    """The network, compiled."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1), name="image"),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class EpochLines(keras.callbacks.Callback):
    """Prints one JSON line per epoch, for whoever shows the progress."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Say which epoch ended, and the accuracy on the training digits."""
        print(json.dumps({"epoch": epoch + 1, "accuracy": (logs or {}).get("accuracy", 0.0)}), flush=True)


def train_cnn(out: Path, checkpoint: Path, epochs: int) -> dict[str, float]:
    """Train, going on from the checkpoint if it is there; export, and return the accuracy on the held-out digits."""
    keras.utils.set_random_seed(7)
    split = data.digits()
    model = keras.models.load_model(checkpoint) if checkpoint.exists() else untrained_cnn()
    model.fit(split.train_x, split.train_y, epochs=epochs, batch_size=32, verbose=0, callbacks=[EpochLines()])
    model.save(checkpoint)
    _, accuracy = model.evaluate(split.held_x, split.held_y, verbose=0)
    model.export(str(out), verbose=False)
    return {"accuracy": float(accuracy), "epochs": epochs}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=["linear", "mnist_cnn"])
    parser.add_argument("--out", type=Path, required=True, help="version directory to write")
    parser.add_argument("--checkpoint", type=Path, default=Path("cnn.keras"), help="mnist_cnn: where training goes on")
    parser.add_argument("--epochs", type=int, default=12, help="mnist_cnn: passes over the 4,000 digits")
    return parser.parse_args()


def main() -> int:
    """Train, export, print the measurements."""
    options = arguments()
    if options.model == "linear":
        measured = train_linear(options.out)
    else:
        measured = train_cnn(options.out, options.checkpoint, options.epochs)
    print(json.dumps(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
