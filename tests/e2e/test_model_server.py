"""What TensorFlow Serving's own integration test checks of `tensorflow_model_server`, asked of ours.

Written anew from what it checks; one of its tests needs what only Google's build has (profiler traces) and is answered
by the tests of the flags.

Source: tensorflow_serving/model_servers/tensorflow_model_server_test.py
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from google.protobuf import json_format

from tests.models.cache import Models
from tests.support.artifacts import ARTIFACTS, FAILED
from tests.support.clients import Client, examples, failure
from tests.support.eventually import eventually, true_soon
from tests.support.ports import free_port
from tests.support.server import Server, config_text

pytestmark = pytest.mark.e2e

TIMEOUT_S = 10.0

Run = Callable[..., Server]


@pytest.fixture
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Start `tensorflow_model_server` with these flags on free ports."""
    directory = ARTIFACTS / request.node.name.replace("/", "_")
    shutil.rmtree(directory, ignore_errors=True)
    servers: list[Server] = []

    def start(*flags: str, ready: bool = True) -> Server:
        port, rest_port = free_port(), free_port()
        ports = (f"--port={port}", f"--rest_api_port={rest_port}")
        own = directory / f"server-{len(servers) + 1}"
        server = Server(own, *ports, *flags, program="tensorflow_model_server", ports=False)
        servers.append(server)
        server.grpc_address, server.rest_address = f"127.0.0.1:{port}", f"127.0.0.1:{rest_port}"
        if ready:
            wait_as_its_own_test_does(server)
        return server

    yield start
    for server in servers:
        server.clean_up()
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(directory, ignore_errors=True)


def wait_as_its_own_test_does(server: Server) -> None:
    """Ready is when an RPC to a missing model fails with a message that says Servable."""
    with Client(server.grpc_address) as client:

        def message() -> str:
            assert server.process.poll() is None, server.log[-2000:]
            return failure(lambda: client.predict("intentionally_missing_model", timeout=5.0))[1]

        eventually(message, lambda text: "Servable" in text, "the server is ready")


@pytest.fixture
def default(run: Run, models: Models) -> Iterator[tuple[Server, Client]]:
    """A server of half_plus_two under the name "default"."""
    server = run("--model_name=default", f"--model_base_path={models.path('half_plus_two')}")
    with Client(server.grpc_address) as client:
        yield server, client


def predicted(client: Client, model: str = "default") -> tuple[float, int, str]:
    """The answer to x = 2 without a batch dimension, with the version and signature that gave it."""
    response = client.predict(model, x=[2.0])
    return response.outputs["y"].float_val[0], response.model_spec.version.value, response.model_spec.signature_name


def test_get_model_status(default: tuple[Server, Client]) -> None:
    assert default[1].status("default") == {123: "AVAILABLE"}


def test_get_model_metadata(default: tuple[Server, Client]) -> None:
    from tensorflow_serving.apis import get_model_metadata_pb2  # noqa: PLC0415

    response = default[1].metadata("default", "signature_def")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(signatures)
    inputs = json_format.MessageToDict(signatures.signature_def["serving_default"])["inputs"]
    assert inputs["x"]["dtype"] == "DT_FLOAT"


@pytest.mark.smoke
def test_predict_saved_model(default: tuple[Server, Client]) -> None:
    assert predicted(default[1]) == (3.0, 123, "serving_default")


@pytest.mark.parametrize(
    ("model", "engine"),
    [
        pytest.param("lite_half_plus_two", "litert", id="there-is-one"),
        pytest.param("half_plus_two", "tensorflow", id="there-is-none"),
    ],
)
def test_predict_on_tflite(run: Run, models: Models, model: str, engine: str) -> None:
    if find_spec("ai_edge_litert") is None:
        pytest.skip("engine litert: ai_edge_litert is not installed")
    flags = ("--prefer_tflite_model=true", "--num_tflite_pools=2", "--num_tflite_interpreters_per_pool=2")
    server = run("--model_name=default", f"--model_base_path={models.path(model)}", *flags)
    with Client(server.grpc_address) as client:
        assert client.arrays("default", x=[[2.0], [3.0], [4.0]])["y"].tolist() == [[3.0], [3.5], [4.0]]
        assert predicted(client)[0] == 3.0
    (version,) = server.listing()["default"].values()
    assert version["engine"] == engine
    assert "WARNING" not in server.log


@pytest.mark.parametrize("model", ["half_plus_two", "half_plus_two_tf2"])
def test_classify_regress_and_multi_inference(run: Run, models: Models, model: str) -> None:
    from tensorflow_serving.apis import classification_pb2, inference_pb2, regression_pb2  # noqa: PLC0415

    server = run("--model_name=default", f"--model_base_path={models.path(model)}")
    classify = classification_pb2.ClassificationRequest(input=examples({"x": 2.0}))
    regress = regression_pb2.RegressionRequest(input=examples({"x": 2.0}))
    both = inference_pb2.MultiInferenceRequest(input=examples({"x": 2.0}))
    for method, signature in (("regress", "regress_x_to_y"), ("classify", "classify_x_to_y")):
        task = both.tasks.add(method_name=f"tensorflow/serving/{method}")
        task.model_spec.name, task.model_spec.signature_name = "default", signature
    for request, signature in ((classify, "classify_x_to_y"), (regress, "regress_x_to_y")):
        request.model_spec.name, request.model_spec.signature_name = "default", signature
    with Client(server.grpc_address) as client:
        stub = client.prediction
        classified = stub.Classify(classify, timeout=TIMEOUT_S)
        assert classified.result.classifications[0].classes[0].score == 3.0
        assert classified.model_spec.signature_name == "classify_x_to_y"
        assert stub.Regress(regress, timeout=TIMEOUT_S).result.regressions[0].value == 3.0
        results = stub.MultiInference(both, timeout=TIMEOUT_S).results
        assert results[0].regression_result.regressions[0].value == 3.0
        assert results[1].classification_result.classifications[0].classes[0].score == 3.0


def two_models(models: Models) -> str:
    """The good configuration of its test: half_plus_two and half_plus_three."""
    return config_text(
        {"half_plus_two": models.path("half_plus_two"), "half_plus_three": models.path("half_plus_three")}
    )


def test_good_model_config(run: Run, models: Models, tmp_path: Path) -> None:
    config = tmp_path / "good_model_config.conf"
    config.write_text(two_models(models))
    server = run(f"--model_config_file={config}")
    with Client(server.grpc_address) as client:
        assert predicted(client, "half_plus_two")[0] == 3.0
        assert predicted(client, "half_plus_three")[0] == 4.0


def test_bad_model_config(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "bad_model_config.conf"
    config.write_text("improperly formatted file\n")
    server = run(f"--model_config_file={config}", ready=False)
    assert server.wait_end(30) != 0
    assert "Error parsing text-format tensorflow.serving.ModelServerConfig" in server.log


@pytest.mark.parametrize("reloads", [True, False], ids=["polled-each-second", "zero-poll-period"])
def test_model_config_reload(run: Run, models: Models, tmp_path: Path, reloads: bool) -> None:
    config = tmp_path / "models.conf"
    config.write_text(two_models(models))
    server = run(f"--model_config_file={config}", f"--model_config_file_poll_wait_seconds={int(reloads)}")
    with Client(server.grpc_address) as client:
        assert predicted(client, "half_plus_three")[0] == 4.0
        config.write_text(config_text({"half_plus_two": models.path("half_plus_two")}))
        if reloads:
            true_soon(lambda: code_of(client, "half_plus_three") == "NOT_FOUND", "half_plus_three goes")
        else:
            for _ in range(20):
                assert predicted(client, "half_plus_three")[0] == 4.0
        assert predicted(client, "half_plus_two")[0] == 3.0


def code_of(client: Client, model: str) -> str:
    """With which code a prediction fails."""
    return failure(lambda: client.predict(model, x=[2.0]))[0]


def test_good_grpc_channel_arguments(run: Run, models: Models) -> None:
    arguments = "grpc.max_connection_age_ms=2000,grpc.lb_policy_name=grpclb"
    server = run(
        *("--model_name=default", f"--model_base_path={models.path('half_plus_two')}"),
        f"--grpc_channel_arguments={arguments}",
    )
    with Client(server.grpc_address) as client:
        assert predicted(client) == (3.0, 123, "serving_default")


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        (
            "/v1/models/default/versions/123:classify",
            {"signature_name": "classify_x_to_y", "examples": [{"x": 2.0}]},
            {"results": [[["", 3.0]]]},
        ),
        (
            "/v1/models/default:regress",
            {"signature_name": "regress_x_to_y", "examples": [{"x": 2.0}]},
            {"results": [3.0]},
        ),
        ("/v1/models/default:predict", {"instances": [2.0, 3.0, 4.0]}, {"predictions": [3.0, 3.5, 4.0]}),
        ("/v1/models/default:predict", {"inputs": [2.0, 3.0, 4.0]}, {"outputs": [3.0, 3.5, 4.0]}),
    ],
    ids=["classify", "regress", "predict", "predict-columnar"],
)
def test_rest(default: tuple[Server, Client], path: str, body: object, answer: object) -> None:
    assert default[0].post(path, body).json == answer


def test_get_status_rest(default: tuple[Server, Client]) -> None:
    status = {"error_code": "OK", "error_message": ""}
    assert default[0].get("/v1/models/default").json == {
        "model_version_status": [{"version": "123", "state": "AVAILABLE", "status": status}]
    }


def test_get_model_metadata_rest(default: tuple[Server, Client]) -> None:
    answer = default[0].get("/v1/models/default/metadata").json
    assert answer["model_spec"] == {"name": "default", "signature_name": "", "version": "123"}
    assert len(answer["metadata"]["signature_def"]["signature_def"]) == 5


def test_prometheus_endpoint(run: Run, models: Models, tmp_path: Path) -> None:
    monitoring = tmp_path / "monitoring_config.txt"
    monitoring.write_text('prometheus_config {\n  enable: true,\n  path: "/monitoring/prometheus/metrics"\n}\n')
    server = run(
        *("--model_name=default", f"--model_base_path={models.path('half_plus_two')}"),
        f"--monitoring_config_file={monitoring}",
    )
    page = server.get("/monitoring/prometheus/metrics").body.decode()
    assert "# TYPE" in page


def test_predict_over_a_unix_socket(run: Run, models: Models, tmp_path: Path) -> None:
    path = tmp_path / "grpc.sock"
    run(
        *("--model_name=default", f"--model_base_path={models.path('half_plus_two')}"),
        f"--grpc_socket_path={path}",
    )
    with Client(f"unix:{path}") as client:
        assert predicted(client) == (3.0, 123, "serving_default")


@pytest.mark.parametrize(
    ("model", "inputs", "output", "expected"),
    [
        ("adder", {"x": [1.0]}, "y", [4.0]),
        ("matmul", {"x": [[1.0, 0.0, 0.0]]}, "y", [1.0, 2.0]),
        ("keras_sequential", {"x": [[1.0, 2.0]]}, "output_0", [5.0]),
    ],
    ids=["tf-saved-model-save", "tf-function", "keras-sequential"],
)
def test_models_of_todays_tensorflow(
    run: Run, models: Models, model: str, inputs: dict[str, list[float]], output: str, expected: list[float]
) -> None:
    server = run("--model_name=default", f"--model_base_path={models.path(model)}")
    with Client(server.grpc_address) as client:
        assert list(client.predict("default", **inputs).outputs[output].float_val) == expected


def test_every_signature_of_a_saved_model_can_be_named(run: Run, models: Models) -> None:
    server = run("--model_name=default", f"--model_base_path={models.path('outputs')}")
    with Client(server.grpc_address) as client:
        assert client.arrays("default", "scalar", a=[1.0, 2.0])["total"] == 3.0
        assert client.arrays("default", a=[1.0], b=[2.0])["sum"].tolist() == [3.0]


def test_version_prints_two_lines_and_ends_with_0(run: Run) -> None:
    server = run("--version", ready=False)
    assert server.wait_end(30) == 0
    lines = server.log.strip().splitlines()
    assert lines[-2].startswith("TensorFlow ModelServer: ")
    assert lines[-1].startswith("TensorFlow Library: ")


def test_no_model_at_all_ends_the_server(run: Run) -> None:
    server = run(ready=False)
    assert server.wait_end(30) != 0
    assert server.log
    assert "Traceback" not in server.log


def test_a_bad_flag_value_prints_the_usage_and_ends(run: Run) -> None:
    server = run("--file_system_poll_wait_seconds=soon", "--model_base_path=/x", ready=False)
    assert server.wait_end(30) == 255
    assert "usage" in server.log.lower()


def test_an_unknown_flag_is_told_and_the_server_runs_on(run: Run, models: Models) -> None:
    server = run("--model_name=default", f"--model_base_path={models.path('half_plus_two')}", "--no_such_flag=1")
    assert "unknown argument: --no_such_flag=1" in server.log


def test_flags_without_effect_are_named_once_in_a_warning(run: Run, models: Models) -> None:
    server = run(
        *("--model_name=default", f"--model_base_path={models.path('half_plus_two')}"),
        *("--grpc_max_threads=8", "--flush_filesystem_caches=true"),
    )
    assert server.log.count("grpc_max_threads") == 1
