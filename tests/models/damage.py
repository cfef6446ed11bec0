"""SavedModels that must be refused, each made from a good one by one injury, and warm-up records for good ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from tests.models import graphs

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"


def broken(injury: Callable[[Path], None]) -> Callable[[Path], None]:
    """A recipe: half_plus_two, then the injury."""

    def build(directory: Path) -> None:
        graphs.half_plus(directory)
        injury(directory)

    return build


def corrupt_graph(directory: Path) -> None:
    """The graph file is not a SavedModel message."""
    (directory / "saved_model.pb").write_bytes(b"\xff\xfe this was a graph once \x00" * 8)


def missing_variables(directory: Path) -> None:
    """The variables directory was not copied."""
    for file in (directory / "variables").iterdir():
        file.unlink()
    (directory / "variables").rmdir()


def truncated_shard(directory: Path) -> None:
    """The copy of the variables' data stopped half way."""
    (shard,) = (directory / "variables").glob("variables.data-*")
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])


def unknown_op(directory: Path) -> None:
    """The graph uses an op that no installed library registers."""
    path = directory / "saved_model.pb"
    bundle = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    graph = bundle.meta_graphs[0]
    next(node for node in graph.graph_def.node if node.name == "y").op = "SeawayNoSuchOp"
    path.write_bytes(bundle.SerializeToString())


def predict_record(x: list[float], name: str = "x") -> prediction_log_pb2.PredictionLog:
    """A recorded Predict request with rows of one float each."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "half_plus_two"
    request.inputs[name].CopyFrom(tf.make_tensor_proto([[value] for value in x], dtype=tf.float32))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))


def classify_record(x: float) -> prediction_log_pb2.PredictionLog:
    """A recorded Classify request of one example."""
    log = prediction_log_pb2.PredictionLog()
    request = log.classify_log.request
    request.model_spec.name = "half_plus_two"
    request.model_spec.signature_name = "classify_x_to_y"
    example = request.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.append(x)
    return log


def warmed(*records: prediction_log_pb2.PredictionLog) -> Callable[[Path], None]:
    """A recipe: half_plus_two with these records to replay before it is served."""

    def build(directory: Path) -> None:
        graphs.half_plus(directory)
        path = directory / WARMUP_FILE
        path.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record.SerializeToString())

    return build
