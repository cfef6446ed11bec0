"""Requests that are logged: what the files hold, that they warm a version up, and that a reload turns the log off."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from seaway.cli import main
from tests.models.cache import Models
from tests.support.clients import Client, examples, failure
from tests.support.eventually import eventually, true_soon
from tests.support.server import Server, config_text
from tests.support.store import Store

if TYPE_CHECKING:
    from tensorflow_serving.apis import prediction_log_pb2

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

WARM_UP = Path("assets.extra") / "tf_serving_warmup_requests"
NAME = re.compile(r"two-\d{8}T\d{6}Z-\d+-\d+\.tfrecord")
SOON = "--request-log-max-file-age-s=0.5"


def logged(base: Path, prefix: Path, rate: float = 1.0) -> str:
    """Config lines of a model whose requests are logged."""
    collector = f'log_collector_config {{ type: "file" filename_prefix: "{prefix}" }}'
    return f'base_path: "{base}"\n logging_config {{ {collector} sampling_config {{ sampling_rate: {rate} }} }}'


def records(directory: Path) -> list[prediction_log_pb2.PredictionLog]:
    """Every record of the complete files, as TensorFlow reads them, oldest first."""
    import tensorflow as tf  # noqa: PLC0415
    from tensorflow_serving.apis import prediction_log_pb2  # noqa: PLC0415

    files = sorted(str(path) for path in directory.glob("*.tfrecord"))
    assert all(NAME.fullmatch(Path(file).name) for file in files), files
    return [prediction_log_pb2.PredictionLog.FromString(raw.numpy()) for raw in tf.data.TFRecordDataset(files)]


def wait_for_records(directory: Path, count: int) -> list[prediction_log_pb2.PredictionLog]:
    """The records, once there are as many as there should be."""
    return eventually(lambda: records(directory), lambda found: len(found) >= count, f"{count} requests are logged")


def counted(server: Server, outcome: str) -> float:
    """The metric of model `two`."""
    text = server.get("/monitoring/prometheus/metrics").body.decode()
    found = re.search(rf'seaway_request_log_records_total{{model="two",outcome="{outcome}"}} (\S+)', text)
    return float(found[1]) if found else -1.0


@pytest.mark.smoke
def test_every_kind_of_request_is_logged_with_its_answer(
    start: Start, connect: Connect, models: Models, tmp_path: Path
) -> None:
    import tensorflow as tf  # noqa: PLC0415
    from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2  # noqa: PLC0415

    server = start({"two": logged(models.path("half_plus_two"), tmp_path / "two")}, SOON)
    client = connect(server)

    predict = client.predict_request("two", x=[[1.0], [2.0]])
    predict.output_filter.append("y")
    answered = client.prediction.Predict(predict, timeout=10)
    assert server.post("/v1/models/two:predict", {"instances": [[5.0]]}).json == {"predictions": [[4.5]]}
    classify = classification_pb2.ClassificationRequest(input=examples({"x": 6.0}))
    classify.model_spec.name, classify.model_spec.signature_name = "two", "classify_x_to_y"
    classified = client.prediction.Classify(classify, timeout=10)
    regress = regression_pb2.RegressionRequest(input=examples({"x": 7.0}))
    regress.model_spec.name, regress.model_spec.signature_name = "two", "regress_x_to_y"
    regressed = client.prediction.Regress(regress, timeout=10)
    body = {"signature_name": "regress_x_to_y", "examples": [{"x": 8.0}]}
    assert server.post("/v1/models/two:regress", body).json == {"results": [6.0]}
    multi = inference_pb2.MultiInferenceRequest(input=examples({"x": 9.0}))
    for method in ("regress", "classify"):
        task = multi.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "two", f"{method}_x_to_y"
    inferred = client.prediction.MultiInference(multi, timeout=10)
    assert failure(lambda: client.predict("two", no_such_input=[1.0]))[0] == "INVALID_ARGUMENT"

    found = wait_for_records(tmp_path, 6)
    assert len(found) == 6, "what failed is not logged"
    assert counted(server, "written") == 6
    assert (counted(server, "dropped"), counted(server, "failed")) == (0, 0)

    first, rest_predict, third, fourth, rest_regress, last = found
    request = first.predict_log.request
    assert tf.make_ndarray(request.inputs["x"]).tolist() == [[1.0], [2.0]]
    assert (request.model_spec, list(request.output_filter)) == (predict.model_spec, ["y"])
    assert first.predict_log.response == answered
    metadata = first.log_metadata
    assert (metadata.model_spec.name, metadata.model_spec.version.value) == ("two", 123)
    assert metadata.model_spec.signature_name == "serving_default"
    assert metadata.sampling_config.sampling_rate == 1.0
    assert list(metadata.saved_model_tags) == ["serve"]
    assert metadata.timestamp_secs > 1_700_000_000

    assert tf.make_ndarray(rest_predict.predict_log.request.inputs["x"]).tolist() == [[5.0]]
    assert tf.make_ndarray(rest_predict.predict_log.response.outputs["y"]).tolist() == [[4.5]]
    assert third.classify_log.request == classify
    assert third.classify_log.response == classified
    assert fourth.regress_log.request == regress
    assert fourth.regress_log.response == regressed
    features = rest_regress.regress_log.request.input.example_list.examples[0].features
    assert list(features.feature["x"].float_list.value) == [8.0]
    assert rest_regress.regress_log.response.result.regressions[0].value == 6.0
    assert last.multi_inference_log.request == multi
    assert last.multi_inference_log.response == inferred
    assert last.log_metadata.model_spec.signature_name == "regress_x_to_y"


def test_a_file_of_the_log_warms_another_version_up_as_it_is(
    start: Start, connect: Connect, models: Models, store: Store, tmp_path: Path
) -> None:
    import tensorflow as tf  # noqa: PLC0415

    logs = tmp_path / "logs"
    store.add("two", 1, "half_plus_two")
    server = start({"two": logged(store.base("two"), logs / "two")}, SOON, "--settle-seconds=0.2")
    client = connect(server)
    for value in range(5):
        client.predict("two", x=[[float(value)]])
    wait_for_records(logs, 5)
    server.terminate()
    assert server.wait_end() == 0

    (file, *_) = sorted(logs.glob("*.tfrecord"))
    version = store.add("two", 2, "half_plus_two")
    (version / "assets.extra").mkdir(exist_ok=True)
    (version / WARM_UP).write_bytes(file.read_bytes())
    again = start({"two": store.base("two")}, "--settle-seconds=0.2")
    again.wait_state("two", 2)
    assert connect(again).arrays("two", x=[[2.0]])["y"].tolist() == [[3.0]]

    picked = store.add("two", 3, "half_plus_two")
    assert main.run(["log", "warmup", str(file), "-o", str(picked / WARM_UP), "--most", "2"]) == 0
    assert len(list(tf.data.TFRecordDataset(str(picked / WARM_UP)))) == 2
    again.wait_state("two", 3)
    damaged = store.add("two", 4, "half_plus_two")
    (damaged / "assets.extra").mkdir(exist_ok=True)
    (damaged / WARM_UP).write_bytes(file.read_bytes()[:-1])
    true_soon(lambda: "is cut off" in again.log, "the file is what a version is warmed up with")


def test_a_shutdown_completes_the_file(start: Start, connect: Connect, models: Models, tmp_path: Path) -> None:
    server = start({"two": logged(models.path("half_plus_two"), tmp_path / "two")})
    connect(server).predict("two", x=[[1.0]])
    assert not list(tmp_path.glob("*.tfrecord"))
    server.terminate()
    assert server.wait_end() == 0
    assert len(records(tmp_path)) == 1


def test_a_reload_turns_the_log_on_and_off(start: Start, connect: Connect, models: Models, tmp_path: Path) -> None:
    import tensorflow as tf  # noqa: PLC0415

    base = models.path("half_plus_two")
    server = start({"two": base})
    client = connect(server)
    process = {each.pid for each in server.family()}
    client.predict("two", x=[[1.0]])
    client.reload(config_text({"two": logged(base, tmp_path / "two")}))
    client.predict("two", x=[[2.0]])
    client.reload(config_text({"two": base}))
    client.predict("two", x=[[3.0]])

    (record,) = wait_for_records(tmp_path, 1)
    assert tf.make_ndarray(record.predict_log.request.inputs["x"]).tolist() == [[2.0]]
    assert counted(server, "written") == 1
    assert {each.pid for each in server.family()} == process, "nothing was loaded again"


def test_masked_values_are_not_in_the_file(start: Start, connect: Connect, models: Models, tmp_path: Path) -> None:
    import tensorflow as tf  # noqa: PLC0415
    from tensorflow_serving.apis import regression_pb2  # noqa: PLC0415

    server = start({"two": logged(models.path("half_plus_two"), tmp_path / "two")}, SOON, "--request-log-mask=x")
    client = connect(server)
    client.predict("two", x=[[1.0], [2.0]])
    regress = regression_pb2.RegressionRequest(input=examples({"x": 7.0}))
    regress.model_spec.name, regress.model_spec.signature_name = "two", "regress_x_to_y"
    client.prediction.Regress(regress, timeout=10)

    predicted, regressed = wait_for_records(tmp_path, 2)
    masked = predicted.predict_log.request.inputs["x"]
    assert (masked.dtype, tf.make_ndarray(masked).tolist()) == (tf.float32.as_datatype_enum, [])
    feature = regressed.regress_log.request.input.example_list.examples[0].features.feature["x"]
    assert feature.WhichOneof("kind") == "float_list"
    assert not feature.float_list.value


def test_a_path_that_cannot_be_written_costs_no_answer(
    start: Start, connect: Connect, models: Models, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    server = start({"two": logged(models.path("half_plus_two"), tmp_path / "file" / "two")})
    client = connect(server)
    for _ in range(3):
        assert client.arrays("two", x=[[2.0]])["y"].tolist() == [[3.0]]
    eventually(lambda: counted(server, "failed"), lambda count: count == 3, "the records are counted as failed")
    assert server.log.count("cannot be logged to") == 1
