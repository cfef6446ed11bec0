"""One logged request with its answer, as the forms that are no TFRecord show it, and the PredictionLog it stands for.

Both ways lose nothing that a replay or a proof needs. What is left out: the tags of the graph, and whether the client
named the signature that answered.

Source: tensorflow_serving/apis/prediction_log.proto, classification.proto, regression.proto, inference.proto.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypedDict

from google.protobuf.message import DecodeError

from seaway.errors import InvalidArgument
from seaway.protos import message
from seaway.protos.tensors import Tensor, proto_of, tensor_of

PREDICT, CLASSIFY, REGRESS, MULTI_INFERENCE = "predict", "classify", "regress", "multi_inference"
KINDS = {
    "predict_log": PREDICT,
    "classify_log": CLASSIFY,
    "regress_log": REGRESS,
    "multi_inference_log": MULTI_INFERENCE,
}
"""The kinds of records, and the method that each asks for."""
DEFAULT_SIGNATURE = "serving_default"
_METHOD_PREFIX = "tensorflow/serving/"
_FIELDS = {method: kind for kind, method in KINDS.items()}
_LISTS = {"float": "float_list", "int64": "int64_list", "bytes": "bytes_list"}

Feature: TypeAlias = "dict[str, list[Any]]"
"""`{"float": […]}`, `{"int64": […]}`, `{"bytes": […]}`, or nothing in it."""
Features: TypeAlias = "dict[str, Feature]"


class Class(TypedDict):
    """One class of an example, and how much speaks for it."""

    label: str
    score: float


class Result(TypedDict):
    """What was asked of a signature that takes examples and, where it was answered, classes or a value for each."""

    signature: str
    method: str
    classes: list[list[Class]] | None
    values: list[float] | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One record. `inputs` and `outputs` are of predict, everything from `examples` on of the other methods."""

    method: str
    model: str
    signature: str
    version: int | None = None
    time_s: int = 0
    sampling_rate: float = 0.0
    inputs: Mapping[str, Tensor] = field(default_factory=dict)
    outputs: Mapping[str, Tensor] = field(default_factory=dict)
    output_filter: tuple[str, ...] = ()
    examples: tuple[Features, ...] = ()
    context: Features | None = None
    results: tuple[Result, ...] = ()


def parse(record: bytes, place: str) -> Any:
    """Return the PredictionLog.

    Raises:  InvalidArgument - it is none; `place` says where it stands.
    """
    try:
        return message("tensorflow.serving.PredictionLog").FromString(record)
    except DecodeError as err:
        raise InvalidArgument(f"{place} is no PredictionLog: {err}") from err


def entry_of(record: bytes, place: str = "a record") -> Entry:
    """Return what a record holds.

    Raises:  InvalidArgument - it is no PredictionLog, of another kind, or one of its tensors cannot be read.
    """
    log = parse(record, place)
    kind = log.WhichOneof("log_type")
    if kind not in KINDS:
        raise InvalidArgument(f"{place} is a {kind or 'record of no kind'}; a log holds: {', '.join(KINDS)}")
    held, method = getattr(log, kind), KINDS[kind]
    shared = _metadata(log, held.request, method)
    try:
        if method == PREDICT:
            return Entry(method, **shared, **_tensors(held))
    except InvalidArgument as err:
        raise InvalidArgument(f"{place}: {err.message}") from err
    context = held.request.input.example_list_with_context
    has_context = held.request.input.WhichOneof("kind") == "example_list_with_context"
    listed = context if has_context else held.request.input.example_list
    return Entry(
        method,
        **shared,
        examples=tuple(_features(each) for each in listed.examples),
        context=_features(context.context) if has_context else None,
        results=tuple(_results(held, method, shared["signature"])),
    )


def record_of(entry: Entry) -> bytes:
    """Return the PredictionLog of an entry."""
    log = message("tensorflow.serving.PredictionLog")()
    metadata = log.log_metadata
    _write_spec(metadata.model_spec, entry)
    metadata.timestamp_secs = entry.time_s
    metadata.sampling_config.sampling_rate = entry.sampling_rate
    held = getattr(log, _FIELDS[entry.method])
    if entry.method == PREDICT:
        _write_tensors(held, entry)
    else:
        _write_examples(held.request.input, entry)
        _write_results(held, entry)
    return bytes(log.SerializeToString(deterministic=True))


def _metadata(log: Any, request: Any, method: str) -> dict[str, Any]:
    spec = log.log_metadata.model_spec
    asked = request.tasks[0].model_spec if method == MULTI_INFERENCE and request.tasks else None
    asked = request.model_spec if method != MULTI_INFERENCE else asked
    return {
        "model": spec.name or (asked.name if asked is not None else ""),
        "signature": spec.signature_name or (asked.signature_name if asked is not None else "") or DEFAULT_SIGNATURE,
        "version": spec.version.value if spec.HasField("version") else None,
        "time_s": log.log_metadata.timestamp_secs,
        "sampling_rate": log.log_metadata.sampling_config.sampling_rate,
    }


def _tensors(held: Any) -> dict[str, Any]:
    return {
        "inputs": {name: tensor_of(held.request.inputs[name]) for name in sorted(held.request.inputs)},
        "outputs": {name: tensor_of(held.response.outputs[name]) for name in sorted(held.response.outputs)},
        "output_filter": tuple(held.request.output_filter),
    }


def _features(example: Any) -> Features:
    return {name: _feature(feature) for name, feature in sorted(example.features.feature.items())}


def _feature(feature: Any) -> Feature:
    kind = feature.WhichOneof("kind")
    return {kind.removesuffix("_list"): list(getattr(feature, kind).value)} if kind else {}


def _results(held: Any, method: str, signature: str) -> Iterator[Result]:
    if method != MULTI_INFERENCE:
        yield _result(signature, method, held.response.result if held.HasField("response") else None)
        return
    answers = list(held.response.results) or [None] * len(held.request.tasks)
    for task, answer in zip(held.request.tasks, answers, strict=False):
        yield _result(task.model_spec.signature_name, task.method_name.removeprefix(_METHOD_PREFIX), answer)


def _result(signature: str, method: str, answer: Any) -> Result:
    """Return a result; an answer is a ClassificationResult, a RegressionResult, or an InferenceResult of either."""
    result: Result = {"signature": signature, "method": method, "classes": None, "values": None}
    if answer is None:
        return result
    if method == CLASSIFY:
        rows = getattr(answer, "classification_result", answer).classifications
        result["classes"] = [[{"label": each.label, "score": each.score} for each in row.classes] for row in rows]
    else:
        rows = getattr(answer, "regression_result", answer).regressions
        result["values"] = [row.value for row in rows]
    return result


def _write_spec(spec: Any, entry: Entry) -> None:
    spec.name, spec.signature_name = entry.model, entry.signature
    if entry.version is not None:
        spec.version.value = entry.version


def _write_tensors(held: Any, entry: Entry) -> None:
    request = held.request
    request.model_spec.name, request.model_spec.signature_name = entry.model, entry.signature
    request.output_filter.extend(entry.output_filter)
    for name, tensor in entry.inputs.items():
        request.inputs[name].CopyFrom(proto_of(tensor))
    if entry.outputs:
        _write_spec(held.response.model_spec, entry)
    for name, tensor in entry.outputs.items():
        held.response.outputs[name].CopyFrom(proto_of(tensor))


def _write_examples(held: Any, entry: Entry) -> None:
    if entry.context is not None:
        _write_features(held.example_list_with_context.context, entry.context)
        listed = held.example_list_with_context.examples
    else:
        held.example_list.SetInParent()
        listed = held.example_list.examples
    for features in entry.examples:
        _write_features(listed.add(), features)


def _write_features(example: Any, features: Features) -> None:
    for name, feature in features.items():
        written = example.features.feature[name]
        for kind, values in feature.items():
            getattr(written, _LISTS[kind]).SetInParent()
            getattr(written, _LISTS[kind]).value.extend(values)


def _write_results(held: Any, entry: Entry) -> None:
    if entry.method != MULTI_INFERENCE:
        held.request.model_spec.name, held.request.model_spec.signature_name = entry.model, entry.signature
        for result in _answered(entry.results):
            _write_spec(held.response.model_spec, entry)
            _write_rows(held.response.result, result)
        return
    for result in entry.results:
        task = held.request.tasks.add(method_name=_METHOD_PREFIX + result["method"])
        task.model_spec.name, task.model_spec.signature_name = entry.model, result["signature"]
    for result in _answered(entry.results):
        answer = held.response.results.add()
        _write_spec(answer.model_spec, entry)
        answer.model_spec.signature_name = result["signature"]
        is_classes = result["classes"] is not None
        _write_rows(answer.classification_result if is_classes else answer.regression_result, result)


def _answered(results: Iterable[Result]) -> list[Result]:
    return [each for each in results if each["classes"] is not None or each["values"] is not None]


def _write_rows(answer: Any, result: Result) -> None:
    answer.SetInParent()
    for row in result["classes"] or ():
        written = answer.classifications.add()
        for each in row:
            written.classes.add(label=each["label"], score=each["score"])
    for value in result["values"] or ():
        answer.regressions.add(value=value)
