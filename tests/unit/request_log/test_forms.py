"""The forms of a log: each gives back what was written, and shows it as its readers expect."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from seaway import protos
from seaway.errors import DataLoss, InvalidArgument
from seaway.protos.tensors import ELEMENT_TYPES, Tensor
from seaway.request_log.entry import Entry, entry_of, record_of
from seaway.request_log.jsonl import line_of, shortest
from seaway.request_log.reading import read_records
from seaway.request_log.writing import FORMS, Form, write_log
from tests.support.request_log_files import EXAMPLES, asked, predicted, tensor

EVERY = [*(predicted(dtype) for dtype in ELEMENT_TYPES), *EXAMPLES, predicted("int64", output_filter=("y",))]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_written_in_a_form_is_read_from_it(form: Form, tmp_path: Path) -> None:
    records = [record_of(entry) for entry in EVERY]
    file = tmp_path / "any-name"
    write_log(file, form, lambda: records)
    read = [record for _, record in read_records([str(file)])]
    assert len(read) == len(records)
    for before, after, entry in zip(records, read, EVERY, strict=True):
        assert before == after, entry
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["any-name"]


def test_an_entry_is_the_record_it_was_made_from() -> None:
    for entry in EVERY:
        record = record_of(entry)
        assert record_of(entry_of(record)) == record


@pytest.mark.parametrize("form", FORMS)
def test_a_log_of_nothing_can_be_written_and_read(form: Form, tmp_path: Path) -> None:
    write_log(tmp_path / "empty", form, lambda: [])
    assert list(read_records([str(tmp_path / "empty")])) == []


def test_a_line_shows_values_as_their_shape_nests_them() -> None:
    entry = Entry(
        "predict",
        "m",
        "s",
        7,
        1_700_000_000,
        0.5,
        {"x": Tensor("float32", (2, 1), np.array([0.1, np.nan], np.float32))},
        {"t": Tensor("string", (1,), np.array([b"text"], object)), "b": tensor("string")},
    )
    line = json.loads(line_of(entry))
    assert line["time"] == "2023-11-14T22:13:20Z"
    assert line["inputs"] == {"x": {"dtype": "float32", "shape": [2, 1], "values": [[0.1], ["NaN"]]}}
    assert line["outputs"]["t"] == {"dtype": "string", "shape": [1], "values": ["text"]}
    assert line["outputs"]["b"]["encoding"] == "base64"
    assert line["outputs"]["b"]["values"] == [["YQ==", "/wA="], ["", "w7w="]]
    assert "examples" not in line


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_short_decimals_bring_the_same_number_back(dtype: str) -> None:
    bits = np.random.default_rng(1).integers(0, 2**32, 100_000, dtype=np.uint32)
    values = bits.view(np.float32) if dtype == "float32" else bits.astype(np.uint16).view(np.float16)
    values = np.concatenate([values[np.isfinite(values)], np.array([0, -0.0, 0.1, 1 / 3], dtype)]).astype(dtype)
    assert (shortest(values).astype(dtype) == values).all()
    assert shortest(np.array([0.1, 123.456, 1e-5, 3e10], np.float32)).tolist() == [0.1, 123.456, 1e-5, 3e10]


def test_a_table_has_a_column_for_each_name_and_type(tmp_path: Path) -> None:
    entries = [predicted("int64"), predicted("string"), asked(1.0)]
    write_log(tmp_path / "t", "parquet", lambda: map(record_of, entries))
    table = parquet.read_table(tmp_path / "t")
    rows = table.to_pylist()
    assert rows[0]["inputs.x"] == [-(2**63), 2**63 - 1, 0, 1]
    assert (rows[0]["inputs_shape.x"], rows[0]["inputs.x:string"]) == ([2, 2], None)
    assert rows[1]["inputs.x:string"] == [b"a", b"\xff\x00", b"", "ü".encode()]
    assert rows[2]["outputs.y:float32"] == [1.0]
    assert (rows[0]["outputs.e"], rows[0]["outputs_shape.e"], rows[2]["outputs.e"]) == ([], [0, 3], None)
    assert str(table.schema.field("time").type) == "timestamp[ms, tz=UTC]"
    assert "examples" not in table.column_names


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"{}\n", "file:1 is no line of a log", id="an-object-of-something-else"),
        pytest.param(line_of(asked(1.0)) + b'{"time"\n', "file:2 is no line of a log", id="a-line-that-is-cut-off"),
        pytest.param(b"PAR1....", "is no log of requests that can be read", id="a-table-that-is-cut-off"),
        pytest.param(b"something else", "is damaged", id="no-log-at-all"),
    ],
)
def test_a_file_that_is_damaged_is_named(content: bytes, expected: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataLoss, match=expected):
        list(read_records([str(tmp_path / "file")]))


def test_a_record_of_another_kind_is_refused() -> None:
    log = protos.message("tensorflow.serving.PredictionLog")()
    log.predict_streamed_log.SetInParent()
    with pytest.raises(InvalidArgument, match="is a predict_streamed_log; a log holds: predict_log"):
        entry_of(log.SerializeToString())
