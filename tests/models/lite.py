"""Models as `model.tflite`: conversions of the SavedModels here, and what only such a file can be."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

FILE = "model.tflite"
Call = Callable[..., dict[str, tf.Tensor]]


def converted(build: Callable[[Path], None], directory: Path) -> None:
    """The signature `serving_default` of a SavedModel."""
    with tempfile.TemporaryDirectory() as scratch:
        build(Path(scratch) / "1")
        write(
            directory,
            tf.lite.TFLiteConverter.from_saved_model(str(Path(scratch) / "1"), signature_keys=["serving_default"]),
        )


def strings(directory: Path) -> None:
    """Text in and out: texts [n] -> same [n]; index [n] -> word [n] of three."""
    words = tf.constant(["a", "bb", "ccc"])
    _traced(
        directory,
        lambda texts, index: {"same": tf.identity(texts), "word": tf.gather(words, index)},
        texts=tf.TensorSpec([None], tf.string),
        index=tf.TensorSpec([None], tf.int32),
    )


def one_row(directory: Path) -> None:
    """A leading dimension of 1 that nothing counts on: x [1,3] -> y [1,2] = x @ [[1,2],[3,4],[5,6]]."""
    weights = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    _traced(directory, lambda x: {"y": x @ weights}, x=tf.TensorSpec([1, 3], tf.float32))


def one_row_shared(directory: Path) -> None:
    """A leading dimension of 1 over which the graph sums: x [1,3] -> y [1,3] = x / sum(x), of whatever there is."""
    _traced(directory, lambda x: {"y": x / tf.reduce_sum(x)}, x=tf.TensorSpec([1, 3], tf.float32))


def one_row_shaped(directory: Path) -> None:
    """A leading dimension of 1 that the graph writes into a shape: x [1,2,3] -> y [1,6] = 2x."""
    _traced(directory, lambda x: {"y": tf.reshape(x, [1, 6]) * 2.0}, x=tf.TensorSpec([1, 2, 3], tf.float32))


def signatures(directory: Path) -> None:
    """Two signatures, each a graph of its own: serving_default x [n] -> y = 2x; adding p [n], q [n] -> s = p + q."""
    module = tf.Module()
    numbers = tf.TensorSpec([None], tf.float32)
    functions = {
        "serving_default": tf.function(lambda x: {"y": x * 2.0}, input_signature=[_named(numbers, "x")]),
        "adding": tf.function(lambda p, q: {"s": p + q}, input_signature=[_named(numbers, "p"), _named(numbers, "q")]),
    }
    with tempfile.TemporaryDirectory() as scratch:
        tf.saved_model.save(module, scratch, signatures=functions)
        write(directory, tf.lite.TFLiteConverter.from_saved_model(scratch, signature_keys=list(functions)))


def quantized(directory: Path) -> None:
    """A dense layer in 8-bit integers, in and out: x [n,4] -> y [n,2]."""
    weights = tf.constant(np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2))
    random = np.random.default_rng(1)
    converter = _converter(lambda x: {"y": x @ weights}, x=tf.TensorSpec([None, 4], tf.float32))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([random.random((1, 4), np.float32)] for _ in range(20))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    write(directory, converter)


def counter(directory: Path) -> None:
    """Keeps a sum: x [] -> y [], everything that was ever added."""
    module = tf.Module()
    module.total = tf.Variable(0.0)

    def add(x: tf.Tensor) -> dict[str, tf.Tensor]:
        module.total.assign_add(x)
        return {"y": module.total.read_value()}

    with tempfile.TemporaryDirectory() as scratch:
        function = tf.function(add, input_signature=[tf.TensorSpec([], tf.float32, name="x")])
        tf.saved_model.save(module, scratch, signatures={"serving_default": function})
        write(directory, tf.lite.TFLiteConverter.from_saved_model(scratch))


def without_signature(directory: Path) -> None:
    """A graph as TensorFlow 1 converted it, with tensors only: x [n,1] -> y = x/2 + 2."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder(tf.float32, [None, 1], name="x")
        y = tf.identity(x * 0.5 + 2.0, name="y")
        write(directory, tf.compat.v1.lite.TFLiteConverter.from_session(session, [x], [y]))


def bfloat16(directory: Path) -> None:
    """A type that numpy lacks: x [n,2] -> y = x."""
    _traced(directory, lambda x: {"y": tf.reshape(x, tf.shape(x))}, x=tf.TensorSpec([None, 2], tf.bfloat16))


def foreign_operation(directory: Path) -> None:
    """An operation that only TensorFlow knows: x [n] -> y, rolled by one."""
    converter = _converter(
        lambda x: {"y": tf.raw_ops.Roll(input=x, shift=1, axis=0)}, x=tf.TensorSpec([None], tf.float32)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    write(directory, converter)


def write(directory: Path, converter: object) -> None:
    """Convert into the version directory."""
    directory.mkdir(parents=True)
    (directory / FILE).write_bytes(converter.convert())


def _traced(directory: Path, call: Call, **inputs: tf.TensorSpec) -> None:
    write(directory, _converter(call, **inputs))


def _converter(call: Call, **inputs: tf.TensorSpec) -> tf.lite.TFLiteConverterV2:
    module = tf.Module()
    module.call = tf.function(call, input_signature=[_named(spec, name) for name, spec in inputs.items()])
    return tf.lite.TFLiteConverter.from_concrete_functions([module.call.get_concrete_function()], module)


def _named(spec: tf.TensorSpec, name: str) -> tf.TensorSpec:
    return tf.TensorSpec(spec.shape, spec.dtype, name=name)
