"""TensorFlow Serving's BatchingParameters, read and checked, as the rules that the plane joins requests by.

They come as a text-format file or as the JSON of an admin call; what they may be is decided once, here.

Source: tensorflow_serving/servables/tensorflow/session_bundle_config.proto; batching/batching_session.cc;
        core/kernels/batching_util/shared_batch_scheduler.h for the defaults. The plane's document is in
        crates/plane/src/batch/rules.rs.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from google.protobuf import json_format

from seaway.errors import InvalidArgument
from seaway.protos import message
from seaway.settings.batching import Batching
from seaway.settings.session_config import read_text_message

MODEL_FILE = "batching_params.pbtxt"

_MESSAGE = "tensorflow.serving.BatchingParameters"
_SIZES = ("max_batch_size", "max_enqueued_batches", "num_batch_threads", "max_execution_batch_size")
_MOST = {name: 2**31 - 1 for name in _SIZES} | {"num_batch_threads": 65535}
_DEFAULTS = {"max_batch_size": 1000, "max_enqueued_batches": 10}
_LONGEST_WAIT_MICROS = 3_600_000_000

Rules = dict[str, Any]
OFF: Rules = {"enabled": False}


def natural_rules(batching: Batching) -> Rules:
    """Return the rules where no parameters are given."""
    rules: Rules = {"enabled": True, "batch_timeout_micros": batching.batch_timeout_micros}
    if batching.max_batch_size:
        rules["max_batch_size"] = batching.max_batch_size
    return rules


def read_batching_parameters(file: str, what: str, cores: int) -> Rules:
    """Return the rules that a text-format file gives; what it leaves out is as in TensorFlow Serving.

    Raises:  InvalidArgument - the file cannot be read or parsed, a size is below 1, the wait is negative, or the
             allowed sizes do not ascend to the greatest one. `what` names the flag or setting.
    """
    parameters = read_text_message(_MESSAGE, file, what)
    base: Rules = {"enabled": True, **_DEFAULTS, "num_batch_threads": cores, "batch_timeout_micros": 0}
    return _rules(parameters, base, file)


def parse_batching_parameters(text: str, origin: str, natural: Rules) -> Rules:
    """Return the rules that JSON gives: a BatchingParameters in proto3's form, and `enabled` beside its fields.

    What it leaves out is as in `natural`: nothing is refused for a bound that nobody gave.

    Raises:  InvalidArgument - no JSON object, an unknown field, or values as for `read_batching_parameters`.
    """
    try:
        given = json.loads(text)
    except ValueError as err:
        raise InvalidArgument(f"{origin}: not JSON: {err}") from err
    if not isinstance(given, dict):
        raise InvalidArgument(f"{origin}: {_shown(given)} is no JSON object; send one such as {{}}")
    enabled = given.pop("enabled", True)
    if not isinstance(enabled, bool):
        raise InvalidArgument(f"{origin}: enabled is {_shown(enabled)}; use true or false")
    parameters = message(_MESSAGE)()
    try:
        json_format.ParseDict(given, parameters)
    except json_format.ParseError as err:
        raise InvalidArgument(f"{origin}: {err}") from err
    return _rules(parameters, natural | {"enabled": enabled}, origin)


def _rules(parameters: Any, base: Rules, origin: str) -> Rules:
    rules = dict(base)
    for name in _SIZES:
        if parameters.HasField(name):
            rules[name] = _bounded(getattr(parameters, name).value, name, 1, _MOST[name], origin)
    if parameters.HasField("batch_timeout_micros"):
        wait = parameters.batch_timeout_micros.value
        rules["batch_timeout_micros"] = _bounded(wait, "batch_timeout_micros", 0, _LONGEST_WAIT_MICROS, origin)
    rules["pad_variable_length_inputs"] = parameters.pad_variable_length_inputs
    rules["enable_large_batch_splitting"] = parameters.enable_large_batch_splitting.value
    rules["allowed_batch_sizes"] = _allowed_sizes(parameters, rules, origin)
    return rules


def _bounded(value: int, name: str, least: int, most: int, origin: str) -> int:
    if value < least:
        raise InvalidArgument(f"{origin}: {name} is {value}; use at least {least}")
    if value > most:
        raise InvalidArgument(f"{origin}: {name} is {value}; use at most {most}")
    return value


def _allowed_sizes(parameters: Any, rules: Rules, origin: str) -> list[int]:
    sizes = list(parameters.allowed_batch_sizes)
    if not sizes:
        return []
    if sizes[0] < 1 or any(low >= high for low, high in pairwise(sizes)):
        raise InvalidArgument(f"{origin}: allowed_batch_sizes {sizes} must be at least 1 and ascend")
    splits = rules["enable_large_batch_splitting"] and "max_execution_batch_size" in rules
    field = "max_execution_batch_size" if splits else "max_batch_size"
    if sizes[-1] != rules.get(field):
        bound = rules.get(field, "which is not given")
        raise InvalidArgument(
            f"{origin}: the last of allowed_batch_sizes is {sizes[-1]} and must equal {field}, {bound}"
        )
    return sizes


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}…"  # noqa: PLR2004 - enough to recognize it
