"""The calls of TensorFlow Serving's REST API, and those that only Seaway has.

Values go in columns (`inputs`), which every signature can be asked in. Which outputs are wanted is no part of that
API: all of them are sent, and the others are left out here.

Source: tensorflow_serving/g3doc/api_rest.md; docs/operations.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import quote

import numpy as np

from seaway.client.answer import Answer, Labelled, ModelListed, VersionStatus
from seaway.client.dtypes import Array
from seaway.client.examples import json_examples
from seaway.client.exchange import Call, Exchange, Reply
from seaway.client.json_values import array_from, is_finite, json_body, json_value, parsed
from seaway.client.model import ExamplesRequest, ModelRef, Predict
from seaway.client.signature import Signatures, TensorSpec, signatures_of
from seaway.errors import DataLoss, FailedPrecondition, NotFound, code_name
from seaway.protos import message

ONLY_OUTPUT = "outputs"
"""The name of a single output where the server does not tell the signature: REST does not say it either."""
_MOST_CODES = 17
_MODEL_VERSION = "x-model-version"
"""Seaway's; TensorFlow Serving does not say over REST which version answered."""


def predict(request: Predict) -> Call[Answer]:
    """Return a Predict call.

    Raises:  InvalidArgument - an input has no form in JSON.
    """
    columns = {name: json_value(name, array) for name, array in request.inputs.items()}
    finite = all(map(is_finite, request.inputs.values()))
    body = json_body(_named(request.signature_name) | {"inputs": columns}, is_finite=finite)
    return Call(Exchange(path(request.model, ":predict"), body), partial(read_answer, request))


def read_answer(request: Predict, reply: Reply) -> Answer:
    """Return the answer that a reply to `predict` holds."""
    return replace(answer_in(request, _object(reply)), version=_version(reply))


def answer_in(request: Predict, document: Mapping[str, Any]) -> Answer:
    """Return the answer in a decoded reply, with the outputs that were wanted.

    Raises:  DataLoss - it holds none. NotFound - a wanted output is not among them.
    """
    if "outputs" not in document:
        raise DataLoss(f"the answer has no outputs, only {', '.join(document) or 'nothing'}")
    value = document["outputs"]
    specs: Mapping[str, TensorSpec] = request.signature.outputs if request.signature is not None else {}
    has_names = isinstance(value, dict) and set(value) != {"b64"}
    if len(specs) == 1 or not has_names:
        value = {next(iter(specs), ONLY_OUTPUT): value}
    missing = [name for name in request.outputs if name not in value]
    if missing:
        raise NotFound(f"there is no output {missing[0]!r}; the model has: {', '.join(value)}")
    wanted = request.outputs or list(value)
    outputs = {name: array_from(value[name], specs.get(name)) for name in wanted}
    return Answer(outputs, None, request.signature_name)


def classify(request: ExamplesRequest) -> Call[list[list[Labelled]]]:
    """Return a Classify call."""
    return Call(
        _examples_exchange(request, ":classify"),
        lambda reply: [
            [Labelled(str(label), float(score)) for label, score in row] for row in _object(reply).get("results", [])
        ],
    )


def regress(request: ExamplesRequest) -> Call[Array]:
    """Return a Regress call."""
    return Call(
        _examples_exchange(request, ":regress"),
        lambda reply: np.array(_object(reply).get("results", []), np.float32),
    )


def metadata(model: ModelRef) -> Call[Signatures]:
    """Return a call for a model's metadata."""
    return Call(Exchange(path(model, "/metadata"), None, "GET"), _signatures)


def status(model: ModelRef) -> Call[list[VersionStatus]]:
    """Return a call for a model's status."""
    return Call(
        Exchange(path(model), None, "GET"),
        lambda reply: [
            VersionStatus(int(each["version"]), each["state"], *_why(each.get("status", {})))
            for each in _object(reply).get("model_version_status", [])
        ],
    )


def models() -> Call[list[ModelListed]]:
    """Return a call for the list of models, which only Seaway has."""
    return Call(
        Exchange("/v1/models", None, "GET"), lambda reply: [_listed(each) for each in _object(reply).get("models", [])]
    )


def path(model: ModelRef, verb: str = "") -> str:
    """Return a model's path."""
    base = f"/v1/models/{quote(model.name, safe='')}"
    if model.label:
        base += f"/labels/{quote(model.label, safe='')}"
    return base + (f"/versions/{model.version}" if model.version is not None else "") + verb


def _examples_exchange(request: ExamplesRequest, verb: str) -> Exchange:
    return Exchange(path(request.model, verb), json_body(_named(request.signature_name) | json_examples(request)))


def _named(signature: str) -> dict[str, object]:
    return {"signature_name": signature} if signature else {}


def _version(reply: Reply) -> int | None:
    said = reply.headers.get(_MODEL_VERSION, "")
    return int(said) if said.isascii() and said.isdigit() else None


def _object(reply: Reply) -> Mapping[str, Any]:
    document = parsed(reply.body)
    if not isinstance(document, dict):
        raise DataLoss("the answer is no JSON object; is it a model server's REST port?")
    return document


def _signatures(reply: Reply) -> Signatures:
    held = _object(reply).get("metadata", {}).get("signature_def")
    if held is None:
        raise FailedPrecondition("the server's metadata holds no signature_def; give inputs by name, with check='none'")
    from google.protobuf import json_format  # noqa: PLC0415 - once per model

    definitions = message("tensorflow.serving.SignatureDefMap")()
    return signatures_of(json_format.ParseDict(held, definitions, ignore_unknown_fields=True))


def _listed(model: Mapping[str, Any]) -> ModelListed:
    versions = tuple(
        VersionStatus(int(each["version"]), each.get("state", ""), *_why(each)) for each in model.get("versions", [])
    )
    labels = {name: int(version) for name, version in model.get("labels", {}).items()}
    return ModelListed(model["name"], versions, labels, model)


def _why(said: Mapping[str, Any]) -> tuple[int, str]:
    code = said.get("error_code", 0)
    return (code if isinstance(code, int) else code_named(code)), said.get("error_message", "")


def code_named(name: str) -> int:
    """Return the number of a canonical code's name; UNKNOWN's for another word."""
    return next((number for number in range(_MOST_CODES) if code_name(number) == name), 2)
