"""gRPC clients made of TensorFlow Serving's official stubs, as its users hold them.

The stubs import TensorFlow, which takes seconds: that is left to the first client that is made, so that collecting
tests costs nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

if TYPE_CHECKING:
    from tensorflow_serving.apis import get_model_metadata_pb2, input_pb2, model_management_pb2, predict_pb2


def failure(call: Callable[[], object]) -> tuple[str, str]:
    """The code and message with which a call must fail.

    Raises: AssertionError - it succeeded.
    """
    try:
        answer = call()
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError(f"this had to fail, and answered {answer}")


class Client:
    """One channel with all the services of a model server."""

    def __init__(self, address: str) -> None:
        """Connect lazily; large messages are allowed, as the server allows them."""
        from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc  # noqa: PLC0415

        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.channel = grpc.insecure_channel(address, options)
        self.prediction = prediction_service_pb2_grpc.PredictionServiceStub(self.channel)
        self.model = model_service_pb2_grpc.ModelServiceStub(self.channel)
        self._health = health_pb2_grpc.HealthStub(self.channel)

    def __enter__(self) -> Client:
        """Use it in a with statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the channel."""
        self.channel.close()

    def predict_request(self, model: str, signature: str = "", **inputs: Any) -> predict_pb2.PredictRequest:
        """A request; an input that is not yet an array becomes float32."""
        import tensorflow as tf  # noqa: PLC0415
        from tensorflow_serving.apis import predict_pb2  # noqa: PLC0415

        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.model_spec.signature_name = signature
        for name, value in inputs.items():
            array = value if isinstance(value, np.ndarray) else np.array(value, dtype=np.float32)
            request.inputs[name].CopyFrom(tf.make_tensor_proto(array, shape=array.shape))
        return request

    def predict(
        self, model: str, signature: str = "", timeout: float = 30.0, version: int | None = None, **inputs: Any
    ) -> predict_pb2.PredictResponse:
        """Predict, as the guides of TensorFlow Serving write it."""
        request = self.predict_request(model, signature, **inputs)
        if version is not None:
            request.model_spec.version.value = version
        return self.prediction.Predict.future(request, timeout=timeout).result()

    def arrays(self, model: str, signature: str = "", **inputs: Any) -> dict[str, np.ndarray]:
        """Predict, and the outputs as arrays."""
        import tensorflow as tf  # noqa: PLC0415

        response = self.predict(model, signature, **inputs)
        return {name: tf.make_ndarray(output) for name, output in response.outputs.items()}

    def status(self, model: str, version: int | None = None) -> dict[int, str]:
        """GetModelStatus: the state of each version."""
        from tensorflow_serving.apis import get_model_status_pb2  # noqa: PLC0415

        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = model
        if version is not None:
            request.model_spec.version.value = version
        response = self.model.GetModelStatus(request, timeout=10)
        return {
            entry.version: get_model_status_pb2.ModelVersionStatus.State.Name(entry.state)
            for entry in response.model_version_status
        }

    def metadata(self, model: str, *fields: str) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """GetModelMetadata."""
        from tensorflow_serving.apis import get_model_metadata_pb2  # noqa: PLC0415

        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
        request.model_spec.name = model
        return self.prediction.GetModelMetadata(request, timeout=10)

    def reload(self, config_text: str, timeout: float = 60.0) -> model_management_pb2.ReloadConfigResponse:
        """HandleReloadConfigRequest with a text-format ModelServerConfig."""
        from google.protobuf import text_format  # noqa: PLC0415
        from tensorflow_serving.apis import model_management_pb2  # noqa: PLC0415
        from tensorflow_serving.config import model_server_config_pb2  # noqa: PLC0415

        config = text_format.Parse(config_text, model_server_config_pb2.ModelServerConfig())
        request = model_management_pb2.ReloadConfigRequest(config=config)
        return self.model.HandleReloadConfigRequest(request, timeout=timeout)

    def health(self, service: str = "") -> str:
        """The standard health service's answer."""
        response = self._health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(response.status))


def examples(*rows: dict[str, float], context: dict[str, float] | None = None) -> input_pb2.Input:
    """An Input of examples with one float per feature."""
    from tensorflow_serving.apis import input_pb2  # noqa: PLC0415

    given = input_pb2.Input()
    target = given.example_list.examples
    if context is not None:
        target = given.example_list_with_context.examples
        for name, value in context.items():
            given.example_list_with_context.context.features.feature[name].float_list.value.append(value)
    for row in rows:
        example = target.add()
        for name, value in row.items():
            example.features.feature[name].float_list.value.append(value)
    return given


@dataclass
class Load:
    """Clients that keep calling in threads of their own until told to stop, and keep count.

    They pause between two calls: a constant load of a few hundred a second shows every gap, and leaves the processors
    to those who are being watched.
    """

    call: Callable[[], Any]
    threads: int = 2
    pause_s: float = 0.005
    answered: Counter[Any] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __enter__(self) -> Load:
        """Start calling."""
        self._stopping = threading.Event()
        self._running = [threading.Thread(target=self._run, daemon=True) for _ in range(self.threads)]
        for thread in self._running:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after the calls that are under way."""
        self._stopping.set()
        for thread in self._running:
            thread.join(60)

    @property
    def calls(self) -> int:
        """How many calls have ended."""
        return self.answered.total() + len(self.failures)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.answered[self.call()] += 1
            except Exception as error:
                self.failures.append(str(error)[:300])
            self._stopping.wait(self.pause_s)
