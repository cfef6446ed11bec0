"""TensorFlow Serving's BatchingParameters, read and checked, as the rules that the plane joins requests by.

Source: tensorflow_serving/servables/tensorflow/session_bundle_config.proto; batching/batching_session.cc;
        core/kernels/batching_util/shared_batch_scheduler.h for the defaults. The plane's document is in
        crates/plane/src/batch/rules.rs.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from seaway.errors import InvalidArgument
from seaway.settings.batching import Batching
from seaway.settings.session_config import read_text_message

MODEL_FILE = "batching_params.pbtxt"

_SIZES = ("max_batch_size", "max_enqueued_batches", "num_batch_threads", "max_execution_batch_size")
_DEFAULTS = {"max_batch_size": 1000, "max_enqueued_batches": 10}

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
    parameters = read_text_message("tensorflow.serving.BatchingParameters", file, what)
    for name in _SIZES:
        if parameters.HasField(name) and getattr(parameters, name).value < 1:
            raise InvalidArgument(f"{file}: {name} is {getattr(parameters, name).value}; use at least 1")
    if parameters.HasField("batch_timeout_micros") and parameters.batch_timeout_micros.value < 0:
        raise InvalidArgument(
            f"{file}: batch_timeout_micros is {parameters.batch_timeout_micros.value}; use at least 0"
        )
    rules: Rules = {"enabled": True, **_DEFAULTS, "num_batch_threads": cores}
    rules |= {name: getattr(parameters, name).value for name in _SIZES if parameters.HasField(name)}
    rules["batch_timeout_micros"] = parameters.batch_timeout_micros.value
    rules["pad_variable_length_inputs"] = parameters.pad_variable_length_inputs
    rules["enable_large_batch_splitting"] = parameters.enable_large_batch_splitting.value
    rules["allowed_batch_sizes"] = _allowed_sizes(parameters, rules, file)
    return rules


def _allowed_sizes(parameters: Any, rules: Rules, file: str) -> list[int]:
    sizes = list(parameters.allowed_batch_sizes)
    if not sizes:
        return []
    if sizes[0] < 1 or any(low >= high for low, high in pairwise(sizes)):
        raise InvalidArgument(f"{file}: allowed_batch_sizes {sizes} must be at least 1 and ascend")
    splits = rules["enable_large_batch_splitting"] and "max_execution_batch_size" in rules
    field = "max_execution_batch_size" if splits else "max_batch_size"
    if sizes[-1] != rules[field]:
        raise InvalidArgument(
            f"{file}: the last of allowed_batch_sizes is {sizes[-1]} and must equal {field}, {rules[field]}"
        )
    return sizes
