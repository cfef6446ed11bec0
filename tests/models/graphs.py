"""Models in TensorFlow 1 style: a graph, a session and SavedModelBuilder.

Half of the models in production were exported this way and never again, and they use what newer exports
never produce: control-flow v1, ref-free variables restored by a saver, init ops, asset files, signatures
over `tf.Example` strings. half_plus_two and counter answer exactly as TensorFlow Serving's test models of
the same names do.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

v1 = tf.compat.v1
saved_model = v1.saved_model

PREDICT = saved_model.signature_constants.PREDICT_METHOD_NAME
REGRESS = saved_model.signature_constants.REGRESS_METHOD_NAME
CLASSIFY = saved_model.signature_constants.CLASSIFY_METHOD_NAME


def signature(inputs: dict[str, tf.Tensor], outputs: dict[str, tf.Tensor], method: str = PREDICT) -> object:
    """A SignatureDef over graph tensors."""
    return saved_model.build_signature_def(
        inputs={name: saved_model.build_tensor_info(tensor) for name, tensor in inputs.items()},
        outputs={name: saved_model.build_tensor_info(tensor) for name, tensor in outputs.items()},
        method_name=method,
    )


def save(
    directory: Path, session: object, signatures: dict[str, object], tags: tuple[str, ...] = ("serve",), **kept: object
) -> None:
    """Write the session's graph and variables as one SavedModel."""
    builder = saved_model.Builder(str(directory))
    builder.add_meta_graph_and_variables(session, list(tags), signature_def_map=signatures, **kept)
    builder.save()


def half_plus(directory: Path, offset: float = 2.0, tags: tuple[str, ...] = ("serve",)) -> None:
    """Answer y = x/2 + offset, y2 = x/2 + 3, y3 = x2/2 + 3, with signatures of all three kinds.

    Source: tensorflow_serving/servables/tensorflow/testdata/saved_model_half_plus_two.py
    """
    with tf.Graph().as_default(), v1.Session() as session:
        half = v1.get_variable("a", initializer=0.5, use_resource=True)
        added = v1.get_variable("b", initializer=float(offset), use_resource=True)
        three = v1.get_variable("c", initializer=3.0, use_resource=True)
        examples = v1.placeholder(tf.string, [None], name="tf_example")
        features = {
            "x": tf.io.FixedLenFeature([1], tf.float32),
            "x2": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0]),
        }
        parsed = tf.io.parse_example(examples, features)
        x = tf.identity(parsed["x"], name="x")
        x2 = tf.identity(parsed["x2"], name="x2")
        y = tf.add(half * x, added, name="y")
        y2 = tf.add(half * x, three, name="y2")
        y3 = tf.add(half * x2, three, name="y3")
        signatures = {
            "serving_default": signature({"x": x}, {"y": y}),
            "regress_x_to_y": signature({"inputs": examples}, {"outputs": y}, REGRESS),
            "regress_x_to_y2": signature({"inputs": examples}, {"outputs": y2}, REGRESS),
            "regress_x2_to_y3": signature({"inputs": x2}, {"outputs": y3}, REGRESS),
            "classify_x_to_y": signature({"inputs": examples}, {"scores": y}, CLASSIFY),
        }
        session.run(v1.global_variables_initializer())
        save(directory, session, signatures, tags)


def classifier(directory: Path) -> None:
    """A classifier with labels: scores over three classes of the feature x, as classes, scores or both."""
    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None], name="tf_example")
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([1], tf.float32)})["x"]
        scores = tf.concat([x, x * 2.0, x * 3.0], axis=1, name="scores")
        names = tf.constant([["low", "middle", "high"]])
        classes = tf.tile(names, [tf.shape(x)[0], 1], name="classes")
        both = {"classes": classes, "scores": scores}
        signatures = {
            "serving_default": signature({"inputs": examples}, both, CLASSIFY),
            "classes_only": signature({"inputs": examples}, {"classes": classes}, CLASSIFY),
            "scores_only": signature({"inputs": examples}, {"scores": scores}, CLASSIFY),
            "regress": signature({"inputs": examples}, {"outputs": tf.squeeze(x, 1)}, REGRESS),
        }
        save(directory, session, signatures)


def strings(directory: Path) -> None:
    """Strings in and out, and a lookup table that an init op fills from an asset file.

    serving_default: text -> upper, length. lookup: word -> id (-1 when unknown), word_bytes.
    """
    vocabulary = directory.parent / "vocabulary.txt"
    vocabulary.parent.mkdir(parents=True, exist_ok=True)
    vocabulary.write_text("alpha\nbeta\ngamma\n", encoding="utf-8")
    with tf.Graph().as_default(), v1.Session() as session:
        text = v1.placeholder(tf.string, [None], name="text")
        asset = tf.constant(str(vocabulary), name="vocabulary")
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, asset)
        rows = tf.lookup.TextFileInitializer(
            asset, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        table = tf.lookup.StaticHashTable(rows, default_value=-1)
        signatures = {
            "serving_default": signature(
                {"text": text},
                {"upper": tf.strings.upper(text, name="upper"), "length": tf.strings.length(text, name="length")},
            ),
            "lookup": signature({"word": text}, {"id": table.lookup(text), "word_bytes": tf.identity(text)}),
        }
        session.run(v1.tables_initializer())
        init = v1.tables_initializer()
        save(directory, session, signatures, main_op=init, assets_collection=[asset])
    vocabulary.unlink()


def counter(directory: Path) -> None:
    """A variable that requests change: some of its signatures have no inputs at all.

    Source: tensorflow_serving/servables/tensorflow/testdata/export_counter.py
    """
    with tf.Graph().as_default(), v1.Session() as session:
        count = v1.get_variable("counter", initializer=0.0, use_resource=True)
        delta = v1.placeholder(tf.float32, [], name="delta")
        signatures = {
            "get_counter": signature({}, {"output": tf.identity(count.read_value())}),
            "incr_counter": signature({}, {"output": tf.identity(count.assign_add(1.0))}),
            "incr_counter_by": signature({"delta": delta}, {"output": tf.identity(count.assign_add(delta))}),
            "reset_counter": signature({}, {"output": tf.identity(count.assign(0.0))}),
        }
        session.run(v1.global_variables_initializer())
        save(directory, session, signatures)


def slow(directory: Path) -> None:
    """Keeps a core busy for as many milliseconds as its input asks for, then answers with that number.

    A loop over the clock, not over a count, so that tests on slow and fast machines wait equally long; it is
    a control-flow-v1 loop, which only TensorFlow 1 exports contain.
    """
    with tf.Graph().as_default(), v1.Session() as session:
        v1.disable_control_flow_v2()
        asked = v1.placeholder(tf.float32, [None], name="milliseconds")
        seconds = tf.cast(tf.reduce_max(asked), tf.float64) / 1000.0
        start = tf.timestamp()
        end = v1.while_loop(lambda now: now - start < seconds, lambda _: tf.timestamp(), [start], parallel_iterations=1)
        with tf.control_dependencies([end]):
            answer = tf.identity(asked, name="spent")
        save(directory, session, {"serving_default": signature({"milliseconds": asked}, {"spent": answer})})
