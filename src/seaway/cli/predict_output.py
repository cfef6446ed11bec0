"""Answers as JSON, as CSV and as NumPy's files.

Numbers are written with as many digits as their type has: 0.1 of float32 is 0.1, as the server itself writes it.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from seaway.errors import InvalidArgument

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]

Form = Literal["json", "csv", "npy", "npz"]
_FORMS: tuple[Form, ...] = ("json", "csv", "npy", "npz")
Outputs: TypeAlias = "Mapping[str, Array]"


def form_of(asked: str | None, output: Path | None) -> Form:
    """Return the form that was asked for, or that the file's name says; JSON otherwise.

    Raises:  InvalidArgument - the file's name says none.
    """
    name = asked or (output.suffix.removeprefix(".").lower() if output is not None else "json")
    for form in _FORMS:
        if name == form:
            return form
    raise InvalidArgument(f"--output {str(output)!r} says no form by its name; add --format with {', '.join(_FORMS)}")


def written(outputs: Outputs, form: Form) -> bytes:
    """Return an answer in a form.

    Raises:  InvalidArgument - there are several outputs, and the form has room for one; or their rows differ.
    """
    match form:
        case "json":
            values = {name: json_form(array) for name, array in outputs.items()}
            return (printed(next(iter(values.values())) if len(values) == 1 else values) + "\n").encode()
        case "csv":
            return csv_text(outputs).encode()
        case "npy" | "npz":
            return numpy_file(outputs, form)


def printed(outputs: Any) -> str:
    """Return outputs as JSON, each named output on its own line."""
    if not isinstance(outputs, Mapping):
        return json.dumps(outputs)
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in outputs.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def json_form(array: Array) -> Any:
    """Return an array as JSON values: UTF-8 as texts, other bytes in base64, complex numbers as pairs."""
    import numpy as np  # noqa: PLC0415 - every other command starts sooner without it

    if array.dtype == object:
        return _texts(array.tolist())
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag], axis=-1).tolist()
    if array.dtype.name in ("float32", "float16", "bfloat16"):
        return array.astype(str).astype(np.float64).tolist()  # the shortest digits that mean this value
    return array.tolist()


def csv_text(outputs: Outputs) -> str:
    """Return one line per row and a column per output, several where a row has several values: `scores_0`, `scores_1`.

    Raises:  InvalidArgument - the outputs have no rows, or not the same number of them.
    """
    counts = {name: array.shape[0] if array.ndim else None for name, array in outputs.items()}
    if len(set(counts.values())) != 1 or None in counts.values():
        raise InvalidArgument(f"the outputs have no rows in common ({counts}); choose some with --only, or JSON")
    names: list[str] = []
    columns: list[list[Any]] = []
    for name, array in outputs.items():
        flat = array.reshape(array.shape[0], -1) if array.size else array.reshape(array.shape[0], 0)
        names += [name] if array.ndim == 1 else [f"{name}_{place}" for place in range(flat.shape[1])]
        columns += [json_form(flat[:, place]) for place in range(flat.shape[1])]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(names)
    table.writerows(zip(*columns, strict=True))
    return text.getvalue()


def numpy_file(outputs: Outputs, form: Literal["npy", "npz"]) -> bytes:
    """Return a file that `numpy.load` reads; texts are stored with a fixed width.

    Raises:  InvalidArgument - there are several outputs, and .npy holds one.
    """
    import numpy as np  # noqa: PLC0415 - as above

    arrays = {name: array.astype(bytes) if array.dtype == object else array for name, array in outputs.items()}
    data = io.BytesIO()
    if form == "npz":
        np.savez(data, **arrays)  # type: ignore[arg-type]
        return data.getvalue()
    if len(arrays) != 1:
        raise InvalidArgument(f".npy holds one output, and there are {', '.join(arrays)}; choose with --only, or .npz")
    np.save(data, next(iter(arrays.values())))
    return data.getvalue()


def _texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_texts(item) for item in value]
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}
