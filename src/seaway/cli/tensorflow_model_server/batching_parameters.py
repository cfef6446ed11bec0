"""The check of a BatchingParameters file.

Batching itself is not here yet, but a mistake in the file must be found by the one who wrote it and not by a later
release.

Source: tensorflow_serving/servables/tensorflow/session_bundle_config.proto; batching/batching_session.cc
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from seaway.errors import InvalidArgument
from seaway.settings.session_config import read_text_message

_AT_LEAST_ONE = ("max_batch_size", "max_enqueued_batches", "num_batch_threads", "max_execution_batch_size")
_DEFAULT_MAX_BATCH_SIZE = 1000


def check_batching_parameters(file: str) -> None:
    """Raise unless the file holds parameters that can be batched with.

    Raises:  InvalidArgument - the file cannot be read or parsed, a size is below 1, the wait is negative, or the
             allowed sizes do not ascend to the greatest one.
    """
    parameters = read_text_message("tensorflow.serving.BatchingParameters", file, "--batching_parameters_file")
    for name in _AT_LEAST_ONE:
        if parameters.HasField(name) and getattr(parameters, name).value < 1:
            raise InvalidArgument(f"{file}: {name} is {getattr(parameters, name).value}; use at least 1")
    if parameters.HasField("batch_timeout_micros") and parameters.batch_timeout_micros.value < 0:
        raise InvalidArgument(
            f"{file}: batch_timeout_micros is {parameters.batch_timeout_micros.value}; use at least 0"
        )
    _check_allowed_sizes(parameters, file)


def _check_allowed_sizes(parameters: Any, file: str) -> None:
    sizes = list(parameters.allowed_batch_sizes)
    if not sizes:
        return
    if sizes[0] < 1 or any(low >= high for low, high in pairwise(sizes)):
        raise InvalidArgument(f"{file}: allowed_batch_sizes {sizes} must be at least 1 and ascend")
    field, greatest = _greatest(parameters)
    if sizes[-1] != greatest:
        raise InvalidArgument(
            f"{file}: the last of allowed_batch_sizes is {sizes[-1]} and must equal {field}, {greatest}"
        )


def _greatest(parameters: Any) -> tuple[str, int]:
    if parameters.enable_large_batch_splitting.value and parameters.HasField("max_execution_batch_size"):
        return "max_execution_batch_size", parameters.max_execution_batch_size.value
    if parameters.HasField("max_batch_size"):
        return "max_batch_size", parameters.max_batch_size.value
    return "max_batch_size", _DEFAULT_MAX_BATCH_SIZE
