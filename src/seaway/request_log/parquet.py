"""A log as Parquet: a row for each request, a column for each input and output.

    time model version signature method sampling_rate output_filter      of the request
    inputs.NAME inputs_shape.NAME outputs.NAME outputs_shape.NAME        a flat list of values, and the shape
    examples context results                                             of methods that take examples

A tensor that a request has not is null. Types are kept: numbers as lists of their own type, strings as binary; complex
numbers are real and imaginary parts in turn, bfloat16 is float. A name that has two types in one file has two columns;
which type a column has stands in its metadata. pyarrow is imported when it is needed, and only here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from seaway import extras
from seaway.errors import DataLoss, FailedPrecondition
from seaway.protos.tensors import COMPLEX, ELEMENT_TYPES, STRING, Tensor, pairs
from seaway.request_log.entry import Entry, Features, Result

if TYPE_CHECKING:
    import pyarrow as pa

Side: TypeAlias = str
Column: TypeAlias = "tuple[Side, str, str]"
"""Inputs or outputs, the tensor's name, its element type."""
_SIDES = ("inputs", "outputs")
_META = b"seaway"
_SEPARATOR = "\n"
_BATCH_BYTES = 16 * 2**20
_BATCH_ROWS = 256


@dataclass(slots=True)
class _Found:
    """What a file's columns have to hold."""

    columns: dict[Column, None] = field(default_factory=dict)
    has_examples: bool = False


def require_pyarrow() -> None:
    """Raise unless Parquet can be read and written.

    Raises:  FailedPrecondition - pyarrow is not installed; says how.
    """
    if find_spec("pyarrow") is None:
        raise FailedPrecondition(f"the form `parquet` needs the package pyarrow; {extras.command('parquet')}")


def write_parquet(path: Path, entries: Callable[[], Iterable[Entry]]) -> None:
    """Write a file; `entries` is asked twice, for the columns and for what is in them, so that not all are held.

    Raises:  FailedPrecondition - pyarrow is not installed; OSError.
    """
    require_pyarrow()
    from pyarrow import parquet  # noqa: PLC0415 - optional, and takes a while

    found = _found(entries())
    schema = _schema(found)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in _batches(entries()):
            writer.write_table(_table(batch, schema, found))


def read_parquet(file: BinaryIO, place: str) -> Iterator[Entry]:
    """Yield the entries of a file.

    Raises:  FailedPrecondition - pyarrow is not installed; DataLoss - the file is no log, or damaged.
    """
    require_pyarrow()
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import parquet  # noqa: PLC0415

    try:
        opened = parquet.ParquetFile(file)
        columns = dict(_columns_of(opened.schema_arrow))
        for batch in opened.iter_batches(batch_size=_BATCH_ROWS):
            yield from _entries(batch, columns)
    except (pa.ArrowException, LookupError, TypeError) as err:
        raise DataLoss(f"{place} is no log of requests that can be read: {err}") from err


def _found(entries: Iterable[Entry]) -> _Found:
    found = _Found()
    for entry in entries:
        for side in _SIDES:
            found.columns |= {(side, name, tensor.dtype): None for name, tensor in getattr(entry, side).items()}
        found.has_examples |= bool(entry.results or entry.examples or entry.context is not None)
    return found


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    batch: list[Entry] = []
    held_bytes = 0
    for entry in entries:
        batch.append(entry)
        held_bytes += sum(each.values.nbytes for side in _SIDES for each in getattr(entry, side).values())
        if held_bytes >= _BATCH_BYTES or len(batch) == _BATCH_ROWS:
            yield batch
            batch, held_bytes = [], 0
    if batch:
        yield batch


def _schema(found: _Found) -> pa.Schema:
    import pyarrow as pa  # noqa: PLC0415 - as above

    fields = [
        pa.field("time", pa.timestamp("ms", "UTC")),
        pa.field("model", pa.string()),
        pa.field("version", pa.int64()),
        pa.field("signature", pa.string()),
        pa.field("method", pa.string()),
        pa.field("sampling_rate", pa.float64()),
        pa.field("output_filter", pa.list_(pa.string())),
    ]
    types: dict[tuple[str, str], str] = {}
    for side, name, dtype in found.columns:
        # The first type that is met has the plain name.
        suffix = "" if types.setdefault((side, name), dtype) == dtype else f":{dtype}"
        metadata = {_META: _SEPARATOR.join((side, name, dtype)).encode()}
        fields.append(pa.field(f"{side}.{name}{suffix}", pa.list_(_arrow_type(dtype)), metadata=metadata))
        fields.append(pa.field(f"{side}_shape.{name}{suffix}", pa.list_(pa.int64())))
    if found.has_examples:
        feature = pa.struct(
            {"float": pa.list_(pa.float32()), "int64": pa.list_(pa.int64()), "bytes": pa.list_(pa.binary())}
        )
        features = pa.map_(pa.string(), feature)
        classes = pa.list_(pa.list_(pa.struct({"label": pa.string(), "score": pa.float32()})))
        result = {"signature": pa.string(), "method": pa.string(), "classes": classes, "values": pa.list_(pa.float32())}
        fields += [
            pa.field("examples", pa.list_(features)),
            pa.field("context", features),
            pa.field("results", pa.list_(pa.struct(result))),
        ]
    return pa.schema(fields)


def _arrow_type(dtype: str) -> pa.DataType:
    import pyarrow as pa  # noqa: PLC0415 - as above

    if dtype == STRING:
        return pa.binary()
    if dtype in COMPLEX:
        return pa.float32() if dtype == COMPLEX[0] else pa.float64()
    return pa.from_numpy_dtype(ELEMENT_TYPES[dtype].numpy)


def _table(batch: list[Entry], schema: pa.Schema, found: _Found) -> pa.Table:
    import pyarrow as pa  # noqa: PLC0415 - as above

    columns: list[object] = [
        [each.time_s * 1000 or None for each in batch],
        [each.model for each in batch],
        [each.version for each in batch],
        [each.signature for each in batch],
        [each.method for each in batch],
        [each.sampling_rate for each in batch],
        [list(each.output_filter) for each in batch],
    ]
    for side, name, dtype in found.columns:
        tensors = [_of_type(getattr(each, side).get(name), dtype) for each in batch]
        columns.append(_values(tensors, dtype))
        columns.append([each if each is None else list(each.shape) for each in tensors])
    if found.has_examples:
        columns.append([[_items(each) for each in entry.examples] for entry in batch])
        columns.append([None if entry.context is None else _items(entry.context) for entry in batch])
        columns.append([list(entry.results) for entry in batch])
    arrays = [
        column if isinstance(column, (pa.Array, pa.ChunkedArray)) else pa.array(column, each.type)
        for column, each in zip(columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def _of_type(tensor: Tensor | None, dtype: str) -> Tensor | None:
    return tensor if tensor is not None and tensor.dtype == dtype else None


def _values(tensors: list[Tensor | None], dtype: str) -> pa.Array:
    """Return a column of lists, its values copied once and never as objects of Python's."""
    import numpy as np  # noqa: PLC0415 - every other command starts sooner without it
    import pyarrow as pa  # noqa: PLC0415 - as above

    there = [each.values for each in tensors if each is not None]
    flat = np.concatenate(there) if there else np.empty(0, ELEMENT_TYPES[dtype].numpy)
    if dtype in COMPLEX:
        flat = pairs(flat)
    width = 2 if dtype in COMPLEX else 1
    offsets = np.zeros(len(tensors) + 1, np.int32)
    np.cumsum([0 if each is None else len(each.values) * width for each in tensors], out=offsets[1:])
    absent = pa.array([each is None for each in tensors], pa.bool_())
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, _arrow_type(dtype)), mask=absent)


def _items(features: Features) -> list[tuple[str, dict[str, Any]]]:
    return [(name, dict(feature)) for name, feature in features.items()]


def _columns_of(schema: pa.Schema) -> Iterator[tuple[str, Column]]:
    for each in schema:
        metadata = (each.metadata or {}).get(_META)
        if metadata is not None:
            side, name, dtype = metadata.decode().split(_SEPARATOR)
            yield each.name, (side, name, dtype)


def _entries(batch: pa.RecordBatch, columns: dict[str, Column]) -> Iterator[Entry]:
    plain = [each.name for each in batch.schema if each.name not in columns]
    rows: list[dict[str, Any]] = batch.select(plain).to_pylist()
    for index, row in enumerate(rows):
        sides: dict[str, dict[str, Tensor]] = {side: {} for side in _SIDES}
        for column, (side, name, dtype) in columns.items():
            held = batch.column(column)[index]
            if held.is_valid:
                shape = row[column.replace(side, f"{side}_shape", 1)]
                sides[side][name] = _tensor(held, dtype, tuple(shape))
        context = row.get("context")
        yield Entry(
            method=row["method"],
            model=row["model"],
            signature=row["signature"],
            version=row["version"],
            time_s=int(row["time"].timestamp()) if row["time"] is not None else 0,
            sampling_rate=row["sampling_rate"],
            inputs=sides["inputs"],
            outputs=sides["outputs"],
            output_filter=tuple(row["output_filter"]),
            examples=tuple(_features(each) for each in row.get("examples") or ()),
            context=None if context is None else _features(context),
            results=tuple(_result(each) for each in row.get("results") or ()),
        )


def _tensor(held: pa.ListScalar, dtype: str, shape: tuple[int, ...]) -> Tensor:
    import numpy as np  # noqa: PLC0415 - as above

    values = held.values.to_numpy(zero_copy_only=False)
    if dtype in COMPLEX:
        values = np.ascontiguousarray(values).view(dtype)
    if dtype != STRING:
        values = values.astype(ELEMENT_TYPES[dtype].numpy, copy=False)
    return Tensor(dtype, shape, values)


def _features(items: list[tuple[str, dict[str, Any]]]) -> Features:
    return {name: {kind: values for kind, values in feature.items() if values is not None} for name, feature in items}


def _result(held: dict[str, Any]) -> Result:
    return {
        "signature": held["signature"],
        "method": held["method"],
        "classes": held["classes"],
        "values": held["values"],
    }
