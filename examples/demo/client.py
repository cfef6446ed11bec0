"""The client side, exactly as TensorFlow Serving's users write it: their stubs and their calls."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc


def predict(
    stub: prediction_service_pb2_grpc.PredictionServiceStub, model: str, signature: str, name: str, rows: np.ndarray
) -> predict_pb2.PredictResponse:
    """One Predict call with one input tensor."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = signature
    request.inputs[name].CopyFrom(tf.make_tensor_proto(rows, shape=rows.shape))
    return stub.Predict.future(request, timeout=10.0).result()


def predict_rest(url: str, model: str, rows: np.ndarray, signature: str = "serving_default") -> Any:
    """The same question in JSON; the list of predictions."""
    body = json.dumps({"signature_name": signature, "instances": rows.tolist()}).encode()
    request = urllib.request.Request(f"{url}/v1/models/{model}:predict", data=body)
    with urllib.request.urlopen(request, timeout=10.0) as answer:
        return json.load(answer)["predictions"]


@dataclass(slots=True)
class Load:
    """A client that keeps predicting in a thread of its own and counts which version answered."""

    address: str
    digits: np.ndarray
    answered: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    pause_s: float = 0.0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Load:
        """Begin to predict."""
        self._thread = threading.Thread(target=self._run, name="demo-load")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop after the request that is under way."""
        self._stopping.set()
        if self._thread:
            self._thread.join()

    @property
    def requests(self) -> int:
        """How many were sent so far."""
        return self.answered.total() + len(self.failures)

    def _run(self) -> None:
        with grpc.insecure_channel(self.address) as channel:
            stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            while not self._stopping.wait(self.pause_s):
                start = self.requests % len(self.digits)
                try:
                    response = predict(stub, "mnist_cnn", "serving_default", "image", self.digits[start : start + 1])
                    self.answered[response.model_spec.version.value] += 1
                except grpc.RpcError as error:
                    self.failures.append(f"{error.code().name}: {error.details()}")
