"""Models in TensorFlow 2 style: `tf.Module`, functions and Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

REGRESS = "tensorflow/serving/regress"
CLASSIFY = "tensorflow/serving/classify"

DTYPES = (
    *("float16", "float32", "float64", "bfloat16"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("bool", "complex64", "complex128", "string"),
)


def save(directory: Path, module: tf.Module, functions: dict[str, object]) -> None:
    """Write the module with these traced functions as its signatures."""
    tf.saved_model.save(module, str(directory), signatures=functions)


def traced(call: Callable[..., object], **inputs: tf.TensorSpec) -> object:
    """A concrete function of named inputs."""
    specs = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in inputs.items()]
    return tf.function(call, input_signature=specs)


def rows(dtype: str, *shape: int | None) -> tf.TensorSpec:
    """A batch of rows of this shape."""
    return tf.TensorSpec([None, *shape], tf.as_dtype(dtype))


class HalfPlusTwo(tf.Module):
    """The variables and functions of half_plus_two, as an object."""

    def __init__(self) -> None:
        """Create the three variables."""
        super().__init__()
        self.half = tf.Variable(0.5)
        self.two = tf.Variable(2.0)
        self.three = tf.Variable(3.0)

    def parsed(self, examples: tf.Tensor) -> tf.Tensor:
        """The feature x of serialized examples."""
        return tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]


def half_plus_two(directory: Path) -> None:
    """half_plus_two as TensorFlow 2 exports it, with classify and regress method names.

    Source: tensorflow_serving/servables/tensorflow/testdata/saved_model_half_plus_two.py
    """
    module = HalfPlusTwo()

    def regress(added: tf.Variable) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
        return lambda inputs: {"outputs": module.half * module.parsed(inputs) + added}

    examples = rows("string")
    functions = {
        "serving_default": traced(lambda x: {"y": module.half * x + module.two}, x=rows("float32", 1)),
        "regress_x_to_y": traced(regress(module.two), inputs=examples),
        "regress_x_to_y2": traced(regress(module.three), inputs=examples),
        "regress_x2_to_y3": traced(
            lambda inputs: {"outputs": module.half * inputs + module.three}, inputs=rows("float32", 1)
        ),
        "classify_x_to_y": traced(
            lambda inputs: {"scores": module.half * module.parsed(inputs) + module.two}, inputs=examples
        ),
    }
    save(directory, module, functions)
    updater = tf.compat.v1.saved_model.signature_def_utils.MethodNameUpdater(str(directory))
    for name in functions:
        if name != "serving_default":
            updater.replace_method_name(name, CLASSIFY if name.startswith("classify") else REGRESS, tags="serve")
    updater.save(str(directory))


def identity(directory: Path) -> None:
    """Every dtype the wire has: one signature per dtype (x -> y, any shape) and `serving_default` with them all."""
    module = tf.Module()
    functions = {
        name: traced(lambda x: {"y": tf.identity(x)}, x=tf.TensorSpec(None, tf.as_dtype(name))) for name in DTYPES
    }
    specs = {name: rows(name) for name in DTYPES}
    functions["serving_default"] = traced(
        lambda *values: {f"{name}_out": tf.identity(value) for name, value in zip(DTYPES, values, strict=True)}, **specs
    )
    save(directory, module, functions)


def outputs(directory: Path) -> None:
    """Several outputs, and the combinations that row-format JSON must refuse.

    serving_default: a, b -> sum, difference, label_bytes (a batch each)
    inconsistent:    a -> one output of n rows beside one of n+1
    scalar:          a -> one output without a batch dimension
    """
    module = tf.Module()

    def arithmetic(a: tf.Tensor, b: tf.Tensor) -> dict[str, tf.Tensor]:
        label = tf.where(a > b, "greater", "not greater")
        return {"sum": a + b, "difference": a - b, "label_bytes": label}

    def inconsistent(a: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"same": a, "longer": tf.concat([a, [0.0]], axis=0)}

    functions = {
        "serving_default": traced(arithmetic, a=rows("float32"), b=rows("float32")),
        "inconsistent": traced(inconsistent, a=rows("float32")),
        "scalar": traced(lambda a: {"total": tf.reduce_sum(a)}, a=rows("float32")),
    }
    save(directory, module, functions)


def matmul(directory: Path) -> None:
    """[n, 3] times a constant 3 x 2 matrix: x -> y."""
    module = tf.Module()
    module.weights = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    save(directory, module, {"serving_default": traced(lambda x: {"y": x @ module.weights}, x=rows("float32", 3))})


def int32_rows(directory: Path) -> None:
    """A batch of 32-bit integers: x -> y = 2x + 1."""
    module = tf.Module()
    save(directory, module, {"serving_default": traced(lambda x: {"y": 2 * x + 1}, x=rows("int32"))})


def gather(directory: Path) -> None:
    """Fails while it runs when an index is beyond its table: index -> value."""
    module = tf.Module()
    module.table = tf.Variable([10.0, 20.0, 30.0])
    functions = {
        "serving_default": traced(lambda index: {"value": tf.gather(module.table, index)}, index=rows("int32"))
    }
    save(directory, module, functions)


def arithmetic(directory: Path) -> None:
    """Two inputs and two outputs, all of them numbers: a, b -> sum, difference."""
    number = rows("float32")
    functions = {"serving_default": traced(lambda a, b: {"sum": a + b, "difference": a - b}, a=number, b=number)}
    save(directory, tf.Module(), functions)


def scalar(directory: Path) -> None:
    """No dimension at all: x -> y = x/2 + 2."""
    half = traced(lambda x: {"y": x * 0.5 + 2.0}, x=tf.TensorSpec([], tf.float32))
    save(directory, tf.Module(), {"serving_default": half})


def centred(directory: Path) -> None:
    """A model whose rows influence each other: y = x - mean(x), so that no row may be added or left out."""
    mean = traced(lambda x: {"y": x - tf.reduce_mean(x, axis=0, keepdims=True)}, x=rows("float32", 2))
    save(directory, tf.Module(), {"serving_default": mean})


def adder(directory: Path, version: int) -> None:
    """Answer y = x + version, which tells which version gave the answer."""
    module = tf.Module()
    module.version = tf.Variable(float(version))
    functions = {"serving_default": traced(lambda x: {"y": x + module.version}, x=rows("float32"))}
    save(directory, module, functions)


def keeper(directory: Path) -> None:
    """Keeps what it is given: serving_default stores x in a variable and answers it, `kept` answers what is stored.

    TensorFlow lets such a variable share the memory of the input, long after the request.
    """
    module = tf.Module()
    module.kept = tf.Variable(tf.zeros([64]))

    def keep(x: tf.Tensor) -> dict[str, tf.Tensor]:
        module.kept.assign(x)
        return {"y": module.kept.read_value()}

    functions = {
        "serving_default": traced(keep, x=tf.TensorSpec([64], tf.float32)),
        "kept": traced(lambda: {"y": module.kept.read_value()}),
    }
    save(directory, module, functions)


def defaults(directory: Path) -> None:
    """a, b -> y = a + b, where a request may leave b out: its signature default is 10."""
    module = tf.Module()
    save(
        directory, module, {"serving_default": traced(lambda a, b: {"y": a + b}, a=rows("float32"), b=rows("float32"))}
    )
    path = directory / "saved_model.pb"
    bundle = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    signature = bundle.meta_graphs[0].signature_def["serving_default"]
    signature.defaults["b"].CopyFrom(tf.make_tensor_proto([10.0], dtype=tf.float32))
    path.write_bytes(bundle.SerializeToString())


def keras_sequential(directory: Path) -> None:
    """A Keras Sequential through `Model.export`, with known weights: x -> output_0 = x0 + 2 x1."""
    import keras  # noqa: PLC0415 - slow to import, used by two recipes

    model = keras.Sequential([keras.Input((2,), name="x"), keras.layers.Dense(1, name="y")])
    model.set_weights([np.array([[1.0], [2.0]]), np.array([0.0])])
    model.export(str(directory), verbose=False)


def mnist_cnn(directory: Path) -> None:
    """The demo's CNN with untrained weights, for measurements: as much work as the trained one."""
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(7)
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
    model.export(str(directory), verbose=False)


def mobilenet_v2(directory: Path) -> None:
    """MobileNetV2 with random weights: a model large enough that loading it takes seconds."""
    _application("MobileNetV2", directory)


def resnet50(directory: Path) -> None:
    """ResNet50 with random weights: a model that a processor works on for a tenth of a second."""
    _application("ResNet50", directory)


def _application(name: str, directory: Path) -> None:
    """One of Keras' architectures, untrained, whose answers nevertheless depend on what it is asked.

    Fresh weights make what they pass on smaller with every layer, until the answer to every image is the same one. A
    single pass in training mode has the normalisations measure the layers, as training would.
    """
    import keras  # noqa: PLC0415

    keras.utils.set_random_seed(7)
    model = getattr(keras.applications, name)(weights=None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(np.random.default_rng(7).random((8, *model.input_shape[1:]), np.float32), training=True)
    model.export(str(directory), verbose=False)
