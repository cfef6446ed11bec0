"""Warm-up: recorded requests that a version answers before anybody else is let in.

The file is a TFRecord of `tensorflow.serving.PredictionLog`, as TensorFlow Serving reads it. The plane replays each on
the path of real requests, so that a record cannot pass here and fail there.

Source: tensorflow_serving/servables/tensorflow/saved_model_warmup.cc.
"""

from __future__ import annotations

from pathlib import Path

from seaway.errors import InvalidArgument
from seaway.protos.tfrecord import read_tfrecords

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MAX_RECORDS = 1000


def read_warmup_records(version_path: Path) -> list[bytes]:
    """Return the records of a version's warm-up file; none when it has no such file.

    Raises:  DataLoss - the file is cut off or a checksum is wrong; InvalidArgument - more than 1000 records.
    """
    path = version_path / WARMUP_FILE
    if not path.is_file():
        return []
    records: list[bytes] = []
    with path.open("rb") as file:
        for record in read_tfrecords(file, str(path)):
            if len(records) == MAX_RECORDS:
                raise InvalidArgument(f"Number of warmup records exceeds the maximum (={MAX_RECORDS}) at {path}")
            records.append(record)
    return records
