"""What the shell names as inputs, as values: JSON, NumPy's files, CSV, images.

What a file means may depend on the model: a table's columns are inputs, or together the only one; an image has the size
and the channels that the model takes, where it was asked to fit. Reading is apart from that, which is pure.
"""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from seaway import extras
from seaway.errors import FailedPrecondition, InvalidArgument

if TYPE_CHECKING:
    import numpy.typing as npt

    from seaway.client.signature import Signature, TensorSpec

    Array = npt.NDArray[Any]

_JSON_KINDS = "biufSU"
_IMAGES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"})
_WITH_CHANNELS = 4
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}

Values: TypeAlias = "dict[str, object]"


@dataclass(frozen=True, slots=True)
class ImageOptions:
    """How images become arrays."""

    resize: str = ""
    """`WIDTHxHEIGHT`, or `model`."""
    divide_by: float | None = None


@dataclass(frozen=True, slots=True)
class Images:
    """Files that are decoded when it is known what the model takes."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Columns:
    """A table, by the names in its first line."""

    path: Path
    columns: Mapping[str, Sequence[Any]]


def named_values(inputs: Sequence[str], inputs_file: Path | None) -> Values | Columns:
    """Return what `--input` and `--inputs` give, before it is fitted to a model.

    Raises:  InvalidArgument - nothing or both are given, a name twice, or a file cannot be read.
    """
    if inputs_file is not None:
        if inputs:
            raise InvalidArgument("--input and --inputs are both given; keep one of them")
        return _whole_file(inputs_file)
    if not inputs:
        raise InvalidArgument("nothing is to be asked; give --input NAME=VALUE, for instance 'x=[1.0, 2.0]'")
    pairs = [_named(given) for given in inputs]
    names = [name for name, _ in pairs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidArgument(f"--input {repeated[0]} is given more than once; one value per input")
    return dict(pairs)


def table_values(given: Values | Columns, signature: Signature | None, images: ImageOptions) -> Values:
    """Return the inputs of a model out of what was given; floats are rounded to the type that the model takes.

    Raises:  InvalidArgument - a table's columns are no inputs of the model, or an image does not fit.
    """
    specs: Mapping[str, TensorSpec] = signature.inputs if signature is not None else {}
    values = of_columns(given, specs) if isinstance(given, Columns) else given
    return {name: _fitted(name, value, specs.get(name), images) for name, value in values.items()}


def of_columns(table: Columns, specs: Mapping[str, TensorSpec]) -> Values:
    """Return a table's columns as inputs by their names, or side by side as the only input of a model.

    Raises:  InvalidArgument - neither is possible; names the columns and the inputs.
    """
    import numpy as np  # noqa: PLC0415 - every other command starts sooner without it

    columns = table.columns
    if not specs or set(specs) <= set(columns):
        wanted = {name: columns[name] for name in specs or columns}
        return {name: _as_column(values, specs.get(name)) for name, values in wanted.items()}
    only = next(iter(specs.values())) if len(specs) == 1 else None
    numbers = all(isinstance(value, (int, float)) for values in columns.values() for value in values[:1])
    if only is not None and numbers and only.shape is not None and only.shape[1:] in ((len(columns),), (-1,)):
        return {only.name: np.array([list(values) for values in columns.values()]).T}
    takes = ", ".join(f"{name}: {spec}" for name, spec in specs.items())
    raise InvalidArgument(f"{table.path}: its columns {', '.join(columns)} are not the inputs of the model ({takes})")


def read_input(given: str) -> tuple[str, Any]:
    """Return name and JSON value of one `NAME=VALUE`.

    Raises:  InvalidArgument - there is no name, the file cannot be read, or the value is neither JSON nor an array that
             JSON can hold.
    """
    name, value = _split(given)
    if not value.startswith("@"):
        return name, _json(value, f"--input {name}")
    path = Path(value[1:])
    try:
        loaded = _json_array(path) if path.suffix == ".npy" else _json(path.read_text(encoding="utf-8"), str(path))
    except OSError as err:
        raise _unreadable(name, path, err) from err
    return name, loaded


def _split(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name.strip():
        raise InvalidArgument(f"--input {given!r} has no name; write NAME=VALUE, for instance 'x=[1.0, 2.0]'")
    return name.strip(), value


def _named(given: str) -> tuple[str, object]:
    name, value = _split(given)
    path = Path(value[1:])
    try:
        if not value.startswith("@"):
            return name, _decoded(_json(value, f"--input {name}"))
        if path.is_dir():
            return name, _directory(name, path)
        if path.suffix.lower() in _IMAGES:
            return name, Images((path,))
        if path.suffix == ".npy":
            return name, load_array(path)
        return name, _decoded(_json(path.read_text(encoding="utf-8"), str(path)))
    except OSError as err:
        raise _unreadable(name, path, err) from err


def _whole_file(path: Path) -> Values | Columns:
    try:
        match path.suffix.lower():
            case ".csv":
                return Columns(path, read_columns(path))
            case ".npz":
                loaded: Values = dict(load_array(path))
                return loaded
            case ".json":
                found = _json(path.read_text(encoding="utf-8"), str(path))
                if isinstance(found, dict):
                    return {name: _decoded(value) for name, value in found.items()}
                raise InvalidArgument(f"{path}: not an object of inputs by their names")
    except OSError as err:
        raise InvalidArgument(f"--inputs {str(path)!r} cannot be read: {err}") from err
    raise InvalidArgument(f"--inputs {str(path)!r} is none of .csv, .npz and .json; give single inputs with --input")


def read_columns(path: Path) -> Mapping[str, Sequence[Any]]:
    """Return the columns of a CSV file with a line of names: numbers where all of a column are.

    Raises:  InvalidArgument - it has no line of names, or a line of another length.
    """
    with path.open(newline="", encoding="utf-8") as file:
        lines = csv.reader(file)
        names = next(lines, [])
        rows = list(lines)
    if not names or len(set(names)) != len(names):
        raise InvalidArgument(f"{path}: its first line must name the columns, each once; it is {names}")
    wrong = next((number for number, row in enumerate(rows, 2) if len(row) != len(names)), None)
    if wrong is not None:
        raise InvalidArgument(
            f"{path}: line {wrong} has {len(rows[wrong - 2])} values, and there are {len(names)} names"
        )
    return {name: _numbers([row[place] for row in rows]) for place, name in enumerate(names)}


def _numbers(texts: Sequence[str]) -> Sequence[Any]:
    for kind in (int, float):
        try:
            return [kind(text) for text in texts]
        except ValueError:
            continue
    return texts


def _as_column(values: Sequence[Any], spec: TensorSpec | None) -> object:
    """Return a column as a list, or as rows of one value where the model takes these."""
    if spec is not None and spec.shape is not None and spec.shape[1:] == (1,):
        return [[value] for value in values]
    return list(values)


def load_array(path: Path) -> Any:
    """Return what a NumPy file holds; large arrays are read as they are sent.

    Raises:  InvalidArgument - it is no such file.
    """
    import numpy as np  # noqa: PLC0415 - every other command, the server among them, starts sooner without it

    try:
        if path.suffix == ".npy":
            return np.load(path, mmap_mode="r", allow_pickle=False)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (ValueError, EOFError) as err:
        raise InvalidArgument(f"{path}: not a NumPy array that can be sent: {err}") from err


def _directory(name: str, path: Path) -> Images:
    found = tuple(sorted(each for each in path.iterdir() if each.suffix.lower() in _IMAGES))
    if not found:
        raise InvalidArgument(
            f"--input {name}: no image in {str(path)!r}; images are files of {', '.join(sorted(_IMAGES))}"
        )
    return Images(found)


def _fitted(name: str, value: object, spec: TensorSpec | None, images: ImageOptions) -> object:
    import numpy as np  # noqa: PLC0415 - as above

    from seaway.client.dtypes import STRING, numpy_type  # noqa: PLC0415 - as above

    if isinstance(value, Images):
        return _decoded_images(name, value, spec, images)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and spec is not None and spec.dtype != STRING:
        wanted = numpy_type(spec.dtype)
        return value.astype(wanted) if wanted.kind in "fV" and wanted.itemsize < value.dtype.itemsize else value
    return value


def _decoded_images(name: str, images: Images, spec: TensorSpec | None, options: ImageOptions) -> Array:
    import numpy as np  # noqa: PLC0415 - as above

    size, channels = image_form(name, spec, options)
    arrays = [_pixels(path, size, channels) for path in images.paths]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise InvalidArgument(f"--input {name}: the images differ in size ({sorted(shapes)}); add --resize WxH")
    batch = np.stack(arrays)
    return batch if options.divide_by is None else (batch / options.divide_by).astype(np.float32)


def image_form(name: str, spec: TensorSpec | None, options: ImageOptions) -> tuple[tuple[int, int] | None, int]:
    """Return width and height to resize to (None leaves the image's own) and the number of channels.

    Raises:  InvalidArgument - --resize is no size, or the model takes images of any size.
    """
    shape = spec.shape if spec is not None and spec.shape is not None else ()
    channels = shape[3] if len(shape) == _WITH_CHANNELS and shape[3] in _MODES else 3
    if not options.resize:
        return None, channels
    if options.resize == "model":
        if len(shape) != _WITH_CHANNELS or min(shape[1:3]) < 1:
            raise InvalidArgument(f"--resize model: input {name!r} ({spec}) has no size of its own; write WxH")
        return (shape[2], shape[1]), channels
    width, times, height = options.resize.partition("x")
    if not times or not width.isdecimal() or not height.isdecimal() or not int(width) * int(height):
        raise InvalidArgument(f"--resize {options.resize!r} is no size; write WxH, for instance 224x224, or model")
    return (int(width), int(height)), channels


def _pixels(path: Path, size: tuple[int, int] | None, channels: int) -> Array:
    import numpy as np  # noqa: PLC0415 - as above

    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - optional
    except ImportError as err:
        raise FailedPrecondition(f"{path}: images need Pillow: {extras.command('images')}") from err
    try:
        with Image.open(path) as image:
            made = image.convert(_MODES[channels])
            pixels = np.asarray(made.resize(size) if size is not None else made)
    except UnidentifiedImageError as err:
        raise InvalidArgument(f"{path}: not an image: {err}") from err
    return pixels[..., np.newaxis] if channels == 1 else pixels


def _json_array(path: Path) -> Any:
    array = load_array(path)
    if array.dtype.kind not in _JSON_KINDS:
        raise InvalidArgument(f"{path}: an array of {array.dtype} has no JSON form; save numbers, booleans or texts")
    return _encoded(array.tolist()) if array.dtype.kind == "S" else array.tolist()


def _json(text: str, origin: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as err:
        raise InvalidArgument(f"{origin}: not JSON: {err}; texts need quotes, files an @ before their name") from err


def _decoded(value: Any) -> Any:
    """Return JSON with `{"b64": …}` as the bytes that it stands for."""
    if isinstance(value, list):
        return [_decoded(item) for item in value]
    return base64.b64decode(value["b64"]) if isinstance(value, dict) and set(value) == {"b64"} else value


def _encoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    return {"b64": base64.b64encode(value).decode()}


def _unreadable(name: str, path: Path, err: OSError) -> InvalidArgument:
    return InvalidArgument(f"--input {name}: {str(path)!r} cannot be read: {err}")
