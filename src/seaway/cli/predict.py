"""`seaway predict`: one prediction from the shell, over REST's columnar form.

Inputs come as JSON text, as a JSON file or as a NumPy file, so that a saved array can be sent without writing a client.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from seaway.cli.rest import call, server_at
from seaway.errors import InvalidArgument

_JSON_KINDS = "biufSU"


def predict(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    inputs: Annotated[
        list[str],
        typer.Option("--input", metavar="NAME=VALUE", help="JSON, or @FILE.json, or @FILE.npy; once per input."),
    ],
    signature: Annotated[
        str, typer.Option("--signature", metavar="NAME", help="Signature; the default is serving_default.")
    ] = "",
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="Version; the default is the latest.")
    ] = None,
    label: Annotated[str, typer.Option("--label", metavar="NAME", help="Version label, instead of a version.")] = "",
    server: Annotated[
        str, typer.Option("--server", metavar="HOST:PORT", help="REST API of the server.")
    ] = "localhost:8501",
    timeout: Annotated[
        float, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Seconds to wait for the answer.")
    ] = 60.0,
) -> None:
    """Send one prediction to a running server and print the outputs as JSON.

    For instance: `seaway predict half_plus_two --input 'x=[1.0, 2.0]'`, or `--input image=@digits.npy`.
    """
    body = request_body([read_input(given) for given in inputs], signature)
    answer = call(server_at(server), predict_path(model, version, label), body, timeout)
    typer.echo(printed(answer.get("outputs", answer) if isinstance(answer, dict) else answer))


def predict_path(model: str, version: int | None, label: str) -> str:
    """Return the path of the prediction call.

    Raises:  InvalidArgument - both a version and a label are given.
    """
    if version is not None and label:
        raise InvalidArgument(f"--version {version} and --label {label!r} are both given; keep one of them")
    base = f"/v1/models/{quote(model, safe='')}"
    if label:
        base += f"/labels/{quote(label, safe='')}"
    return f"{base}/versions/{version}:predict" if version is not None else f"{base}:predict"


def read_input(given: str) -> tuple[str, Any]:
    """Return name and JSON value of one `NAME=VALUE`.

    Raises:  InvalidArgument - there is no name, the file cannot be read, or the value is neither JSON nor an array that
             JSON can hold.
    """
    name, equals, value = given.partition("=")
    if not equals or not name.strip():
        raise InvalidArgument(f"--input {given!r} has no name; write NAME=VALUE, for instance 'x=[1.0, 2.0]'")
    if not value.startswith("@"):
        return name.strip(), _json(value, f"--input {name}")
    path = Path(value[1:])
    try:
        loaded = _array(path) if path.suffix == ".npy" else _json(path.read_text(encoding="utf-8"), str(path))
    except OSError as err:
        raise InvalidArgument(f"--input {name}: {str(path)!r} cannot be read: {err}") from err
    return name.strip(), loaded


def request_body(inputs: Sequence[tuple[str, Any]], signature: str) -> bytes:
    """Return the JSON of a columnar request.

    Raises:  InvalidArgument - a name is given twice.
    """
    names = [name for name, _ in inputs]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise InvalidArgument(f"--input {repeated[0]} is given more than once; one value per input")
    request: dict[str, Any] = {"signature_name": signature} if signature else {}
    return json.dumps(request | {"inputs": dict(inputs)}).encode()


def printed(outputs: Any) -> str:
    """Return outputs as JSON, each named output on its own line."""
    if not isinstance(outputs, Mapping):
        return json.dumps(outputs)
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in outputs.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


def _json(text: str, origin: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as err:
        raise InvalidArgument(f"{origin}: not JSON: {err}; texts need quotes, files an @ before their name") from err


def _array(path: Path) -> Any:
    import numpy as np  # noqa: PLC0415 - every other command, the server among them, starts sooner without it

    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as err:
        raise InvalidArgument(f"{path}: not a NumPy array that can be sent: {err}") from err
    if array.dtype.kind not in _JSON_KINDS:
        raise InvalidArgument(f"{path}: an array of {array.dtype} has no JSON form; save numbers, booleans or texts")
    return _encoded(array.tolist()) if array.dtype.kind == "S" else array.tolist()


def _encoded(value: Any) -> Any:
    if isinstance(value, list):
        return [_encoded(item) for item in value]
    return {"b64": base64.b64encode(value).decode()}
