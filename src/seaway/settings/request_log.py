"""Requests that are written to files: their form and size, where they wait, and what is left out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seaway.settings.declaration import setting


@dataclass(frozen=True, slots=True)
class RequestLog:
    """Logged requests; which models have a log, where and how often, says `logging_config` in the list of models."""

    format: Literal["tfrecord", "jsonl", "parquet"] = setting(
        "tfrecord",
        "Form of the files: TensorFlow Serving's TFRecord of `PredictionLog`, lines of JSON, or Parquet.",
        flag="--request-log-format",
    )
    directory: str = setting(
        "",
        "Directory of a deployment's logs whose prefix is relative, and of files that wait to be uploaded. Empty means "
        "`seaway/request-log` in the user's cache directory.",
        flag="--request-log-directory",
    )
    upload_grace_s: float = setting(
        5.0,
        "Time that the end of a server waits for files to be converted and uploaded; what is left waits for the next.",
        flag="--request-log-upload-grace-s",
        unit="seconds",
        at_least=0,
        at_most=3600,
    )
    max_file_bytes: int = setting(
        67108864,
        "Bytes of a file; the next record begins another one.",
        flag="--request-log-max-file-bytes",
        unit="bytes",
        at_least=4096,
        at_most=1099511627776,
    )
    max_file_records: int = setting(
        1000,
        "Records of a file. A file of at most 1000 can be used for warm-up as it is.",
        flag="--request-log-max-file-records",
        unit="records",
        at_least=1,
        at_most=1000000000,
    )
    max_file_age_s: float = setting(
        300.0,
        "Time after which a file is completed although there is room in it.",
        flag="--request-log-max-file-age-s",
        unit="seconds",
        at_least=0.1,
        at_most=2592000,
    )
    max_total_bytes: int = setting(
        1073741824,
        "Bytes of all files with one prefix, the one that is being written included; the oldest are removed.",
        flag="--request-log-max-total-bytes",
        unit="bytes",
        at_least=4096,
        at_most=1125899906842624,
    )
    queue_bytes: int = setting(
        67108864,
        "Memory of requests and answers that wait to be written; what finds no room is answered and not logged.",
        flag="--request-log-queue-bytes",
        unit="bytes",
        at_least=4096,
        at_most=1099511627776,
    )
    mask: tuple[str, ...] = setting(
        (),
        "Names of inputs, outputs and features of `tensorflow.Example`s whose values are not logged.",
        flag="--request-log-mask",
    )
