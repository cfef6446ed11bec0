"""A recorded log as requests: each record as the message that it was, or as the JSON that REST has for it.

One load sends one kind of request, since the kind is the path that it is sent to. A log that holds several kinds is
sent kind by kind.

Source: tensorflow_serving/apis/prediction_log.proto; g3doc/api_rest.md, "Predict API" and "Classify and Regress API".
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seaway.bench.request import Request, path_of, rest_body
from seaway.bench.signature import Model
from seaway.bench.target import Api
from seaway.errors import InvalidArgument
from seaway.protos.tensors import array_of
from seaway.request_log.entry import KINDS, parse
from seaway.request_log.reading import read_records

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True)
class Record:
    """One record: where it stands, what it asks for, and its request."""

    place: str
    verb: str
    request: Any


def request_from_log(api: Api, model: Model, place: str, verb: str = "") -> Request:
    """Return the requests of a recorded log in any of its forms: files by path, glob or URL, and warm-up files.

    They go to the model, version and signature that are asked for; a signature that is not asked for stays as recorded.
    With a `verb` only the records of that kind are sent.

    Raises:  InvalidArgument - it cannot be read, holds nothing that can be sent, or several kinds and no verb
             says which; over REST: a record has no JSON form. DataLoss - it is damaged.
    """
    records = _chosen(list(_records(place)), place, verb)
    kind = records[0].verb
    if api == "rest" and kind == "multi_inference":
        raise InvalidArgument(f"--log {place!r}: REST has no MultiInference; measure a gRPC port with it")
    bodies = tuple(_body(api, record, model) for record in records)
    return Request(path_of(api, model, kind), bodies, 1, f"{len(bodies)} recorded in {place}, in turn")


def _records(place: str) -> Iterator[Record]:
    for at, record in read_records([place]):
        yield _record(record, at)


def _record(record: bytes, place: str) -> Record:
    log = parse(record, place)
    kind = log.WhichOneof("log_type")
    if kind not in KINDS:
        raise InvalidArgument(
            f"{place} is a {kind or 'record of no kind'}, which cannot be sent again; there are: {', '.join(KINDS)}"
        )
    return Record(place, KINDS[kind], getattr(log, kind).request)


def _chosen(records: Sequence[Record], path: str, verb: str) -> Sequence[Record]:
    """Return the records of one kind.

    Raises:  InvalidArgument - there is none, or there are several kinds and nobody said which.
    """
    if not records:
        raise InvalidArgument(f"--log {path!r} holds no record")
    kinds = sorted({record.verb for record in records})
    if verb:
        chosen = [record for record in records if record.verb == verb]
        if not chosen:
            raise InvalidArgument(f"--log {path!r} holds no {verb} record; it holds: {', '.join(kinds)}")
        return chosen
    if len(kinds) > 1:
        raise InvalidArgument(f"--log {path!r} holds {' and '.join(kinds)} records; choose one kind with --method")
    return records


def _body(api: Api, record: Record, model: Model) -> bytes:
    request = record.request
    specs = [task.model_spec for task in request.tasks] if record.verb == "multi_inference" else [request.model_spec]
    for spec in specs:
        _address(spec, model)
    if api == "grpc":
        return bytes(request.SerializeToString())
    named = Model(model.name, model.version, request.model_spec.signature_name)
    if record.verb == "predict":
        return rest_body(named, _arrays(record))
    return _example_body(named, record)


def _address(spec: Any, model: Model) -> None:
    spec.name = model.name
    spec.ClearField("version_choice")
    if model.version is not None:
        spec.version.value = model.version
    if model.signature:
        spec.signature_name = model.signature


def _arrays(record: Record) -> Mapping[str, np.ndarray[Any, Any]]:
    inputs = record.request.inputs
    try:
        return {name: array_of(inputs[name]) for name in sorted(inputs)}
    except InvalidArgument as err:
        raise InvalidArgument(f"{record.place}: {err.message}") from err


def _example_body(model: Model, record: Record) -> bytes:
    held = record.request.input
    body: dict[str, Any] = {"signature_name": model.signature} if model.signature else {}
    if held.WhichOneof("kind") == "example_list_with_context":
        listed = held.example_list_with_context
        body["context"] = _features(listed.context)
    else:
        listed = held.example_list
    body["examples"] = [_features(example) for example in listed.examples]
    return json.dumps(body).encode()


def _features(example: Any) -> Mapping[str, Any]:
    return {name: _feature(feature) for name, feature in sorted(example.features.feature.items())}


def _feature(feature: Any) -> Any:
    kind = feature.WhichOneof("kind")
    if kind is None:
        return []
    values = list(getattr(feature, kind).value)
    if kind == "bytes_list":
        values = [{"b64": base64.b64encode(value).decode()} for value in values]
    return values[0] if len(values) == 1 else values
