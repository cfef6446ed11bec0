"""The calls of TensorFlow Serving's gRPC services.

Predict is written and read by hand, so that tensors are not copied on the way; the small messages are protobuf's.

Source: tensorflow_serving/apis/{prediction_service,model_service}.proto
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from seaway.client.answer import Answer, Labelled, VersionStatus
from seaway.client.dtypes import Array
from seaway.client.examples import classifications, input_message, regressions
from seaway.client.exchange import Call, Exchange, Reply
from seaway.client.model import ExamplesRequest, ModelRef, Predict
from seaway.client.signature import Signatures, signatures_of
from seaway.client.tensor_decoding import predict_response
from seaway.client.tensor_encoding import predict_request
from seaway.client.wire import delimited, varint
from seaway.errors import FailedPrecondition, InvalidArgument, from_code
from seaway.protos import message

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODEL = "/tensorflow.serving.ModelService/"
_METHODS = {"classify": "tensorflow/serving/classify", "regress": "tensorflow/serving/regress"}

Method = Literal["classify", "regress"]


def predict(request: Predict) -> Call[Answer]:
    """Return a Predict call."""
    body = predict_request(model_spec(request.model, request.signature_name), request.inputs, request.outputs)
    return Call(Exchange(f"{_PREDICTION}Predict", body), _answer)


def classify(request: ExamplesRequest) -> Call[list[list[Labelled]]]:
    """Return a Classify call."""
    body = _examples("ClassificationRequest", request)
    return Call(
        Exchange(f"{_PREDICTION}Classify", body),
        lambda reply: classifications(_parsed("ClassificationResponse", reply).result),
    )


def regress(request: ExamplesRequest) -> Call[Array]:
    """Return a Regress call."""
    body = _examples("RegressionRequest", request)
    return Call(
        Exchange(f"{_PREDICTION}Regress", body),
        lambda reply: regressions(_parsed("RegressionResponse", reply).result),
    )


def multi_inference(
    request: ExamplesRequest, tasks: Mapping[str, Method]
) -> Call[dict[str, list[list[Labelled]] | Array]]:
    """Return a MultiInference call: the same examples to several signatures, each with its method.

    Raises:  InvalidArgument - a method is neither classify nor regress.
    """
    made = message("tensorflow.serving.MultiInferenceRequest")(input=input_message(request))
    for signature, method in tasks.items():
        if method not in _METHODS:
            raise InvalidArgument(f"signature {signature!r} cannot be asked to {method!r}; say classify or regress")
        task = made.tasks.add(method_name=_METHODS[method])
        task.model_spec.MergeFromString(model_spec(request.model, signature))
    return Call(Exchange(f"{_PREDICTION}MultiInference", bytes(made.SerializeToString())), _results)


def metadata(model: ModelRef) -> Call[Signatures]:
    """Return a GetModelMetadata call."""
    made = message("tensorflow.serving.GetModelMetadataRequest")(metadata_field=["signature_def"])
    made.model_spec.MergeFromString(model_spec(model))
    return Call(Exchange(f"{_PREDICTION}GetModelMetadata", bytes(made.SerializeToString())), _signatures)


def status(model: ModelRef) -> Call[list[VersionStatus]]:
    """Return a GetModelStatus call."""
    made = message("tensorflow.serving.GetModelStatusRequest")()
    made.model_spec.MergeFromString(model_spec(model))
    return Call(Exchange(f"{_MODEL}GetModelStatus", bytes(made.SerializeToString())), _statuses)


def reload(config: str | Mapping[str, str]) -> Call[None]:
    """Return a HandleReloadConfigRequest call, which is never made twice.

    `config` is a ModelServerConfig in text format, or base paths by the names of models.

    Raises:  InvalidArgument - the text is no ModelServerConfig.
    """
    made = message("tensorflow.serving.ReloadConfigRequest")()
    if isinstance(config, str):
        from google.protobuf import text_format  # noqa: PLC0415 - used by this call alone

        try:
            text_format.Parse(config, made.config)
        except text_format.ParseError as err:
            raise InvalidArgument(f"config is no ModelServerConfig in text format: {err}") from err
    else:
        for name, base_path in config.items():
            made.config.model_config_list.config.add(name=name, base_path=base_path, model_platform="tensorflow")
    exchange = Exchange(f"{_MODEL}HandleReloadConfigRequest", bytes(made.SerializeToString()), may_repeat=False)
    return Call(exchange, _reloaded)


def model_spec(model: ModelRef, signature: str = "") -> bytes:
    """Return a serialized ModelSpec."""
    parts = [delimited(b"\x0a", model.name.encode())]
    if model.version is not None:
        parts.append(delimited(b"\x12", b"\x08" + varint(model.version)))
    if signature:
        parts.append(delimited(b"\x1a", signature.encode()))
    if model.label:
        parts.append(delimited(b"\x22", model.label.encode()))
    return b"".join(parts)


def _answer(reply: Reply) -> Answer:
    predicted = predict_response(reply.body)
    return Answer(predicted.outputs, predicted.version, predicted.signature)


def _examples(name: str, request: ExamplesRequest) -> bytes:
    made = message(f"tensorflow.serving.{name}")(input=input_message(request))
    made.model_spec.MergeFromString(model_spec(request.model, request.signature_name))
    return bytes(made.SerializeToString())


def _parsed(name: str, reply: Reply) -> Any:
    return message(f"tensorflow.serving.{name}").FromString(reply.body)


def _signatures(reply: Reply) -> Signatures:
    found = _parsed("GetModelMetadataResponse", reply).metadata
    if "signature_def" not in found:
        raise FailedPrecondition("the server's metadata holds no signature_def; give inputs by name, with check='none'")
    return signatures_of(message("tensorflow.serving.SignatureDefMap").FromString(found["signature_def"].value))


def _statuses(reply: Reply) -> list[VersionStatus]:
    answer = _parsed("GetModelStatusResponse", reply)
    state = message("tensorflow.serving.ModelVersionStatus").State.Name
    return [
        VersionStatus(each.version, state(each.state), each.status.error_code, each.status.error_message)
        for each in answer.model_version_status
    ]


def _results(reply: Reply) -> dict[str, list[list[Labelled]] | Array]:
    found: dict[str, list[list[Labelled]] | Array] = {}
    results: Sequence[Any] = _parsed("MultiInferenceResponse", reply).results
    for result in results:
        name = result.model_spec.signature_name
        if result.HasField("classification_result"):
            found[name] = classifications(result.classification_result)
        else:
            found[name] = regressions(result.regression_result)
    return found


def _reloaded(reply: Reply) -> None:
    answered = _parsed("ReloadConfigResponse", reply).status
    if answered.error_code:
        raise from_code(answered.error_code, answered.error_message)
