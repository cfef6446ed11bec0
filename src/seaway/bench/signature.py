"""The signature of a live model, as GetModelMetadata tells it over gRPC or REST.

Both answers become the same message, so that nothing after this module knows which one it was.

Source: tensorflow_serving/apis/get_model_metadata.proto; tensorflow_serving/g3doc/api_rest.md, "Model Metadata API".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from google.protobuf import json_format

from seaway import _core
from seaway.bench.http import get
from seaway.bench.target import Target
from seaway.errors import FailedPrecondition, NotFound, Unavailable, from_code
from seaway.protos import message

DEFAULT_SIGNATURE = "serving_default"
_METHOD = "/tensorflow.serving.PredictionService/GetModelMetadata"
_HTTP_OK = 200
_HTTP_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Model:
    """What requests name."""

    name: str
    version: int | None = None
    signature: str = ""

    @property
    def path(self) -> str:
        """The REST path of the model, without a verb."""
        base = f"/v1/models/{quote(self.name, safe='')}"
        return base if self.version is None else f"{base}/versions/{self.version}"


@dataclass(frozen=True, slots=True)
class Dimension:
    """One axis; a size of -1 is free."""

    size: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One input of a signature; the shape of an unknown rank is None."""

    name: str
    dtype: int
    shape: tuple[Dimension, ...] | None


def fetch_inputs(target: Target, model: Model, timeout_s: float, allow_remote: bool) -> Sequence[InputSpec]:
    """Ask the server for the model's signature and return its inputs, by name.

    Raises:  NotFound - no such model, or it has no such signature. Unavailable - the server does not answer.
             FailedPrecondition - the signature's form is unknown to this server.
    """
    if target.api == "grpc":
        definitions = _over_grpc(target, model, timeout_s, allow_remote)
    else:
        definitions = _over_rest(target, model, timeout_s)
    return inputs_of(definitions, model)


def inputs_of(definitions: Any, model: Model) -> Sequence[InputSpec]:
    """Return the inputs of the model's signature in a SignatureDefMap.

    Raises:  NotFound - there is no such signature; the message lists those there are.
    """
    name = model.signature or DEFAULT_SIGNATURE
    if name not in definitions.signature_def:
        # `__saved_model_init_op` is a step of a load, which servers list and nobody calls.
        known = ", ".join(sorted(each for each in definitions.signature_def if not each.startswith("__"))) or "none"
        raise NotFound(f"model {model.name!r} has no signature {name!r}; it has: {known}; choose with --signature")
    inputs = definitions.signature_def[name].inputs
    return [InputSpec(key, inputs[key].dtype, _shape(inputs[key].tensor_shape)) for key in sorted(inputs)]


def rest_definitions(answer: Mapping[str, Any]) -> Any:
    """Return the SignatureDefMap in the decoded JSON of a metadata answer.

    Raises:  FailedPrecondition - it holds none.
    """
    held = answer.get("metadata", {}).get("signature_def")
    if held is None:
        raise FailedPrecondition("the server's metadata holds no signature_def; give the whole request with --body")
    definitions = message("tensorflow.serving.SignatureDefMap")()
    return json_format.ParseDict(held, definitions, ignore_unknown_fields=True)


def _over_grpc(target: Target, model: Model, timeout_s: float, allow_remote: bool) -> Any:
    request = message("tensorflow.serving.GetModelMetadataRequest")(metadata_field=["signature_def"])
    request.model_spec.name = model.name
    if model.version is not None:
        request.model_spec.version.value = model.version
    try:
        tls = None if target.tls is None else json.dumps(target.tls.document())
        answer = _core.grpc_call(target.address, _METHOD, request.SerializeToString(), timeout_s, allow_remote, tls)
    except _core.StatusError as err:
        raise from_code(err.code, f"no signature from {target}: {err.message}") from err
    metadata = message("tensorflow.serving.GetModelMetadataResponse").FromString(answer).metadata
    if "signature_def" not in metadata:
        raise FailedPrecondition("the server's metadata holds no signature_def; give the whole request with --body")
    return message("tensorflow.serving.SignatureDefMap").FromString(metadata["signature_def"].value)


def _over_rest(target: Target, model: Model, timeout_s: float) -> Any:
    status, text = get(target, f"{model.path}/metadata", timeout_s)
    try:
        answer = json.loads(text)
    except ValueError as err:
        raise Unavailable(f"{target} answered {status} without JSON; is it a model server's REST port?") from err
    if status != _HTTP_OK:
        kind = NotFound if status == _HTTP_NOT_FOUND else Unavailable
        raise kind(f"no signature from {target}: {status} {answer.get('error', '')}")
    return rest_definitions(answer)


def _shape(shape: Any) -> tuple[Dimension, ...] | None:
    return None if shape.unknown_rank else tuple(Dimension(dim.size, dim.name) for dim in shape.dim)
