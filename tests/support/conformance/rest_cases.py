"""REST requests as bytes, and what must come back: the part of the table that gRPC has no equivalent for.

Source: tensorflow_serving/model_servers/http_rest_api_{handler,util}.cc, util/json_tensor.cc, g3doc/api_rest.md
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support import zstd_frame

HALF = "/v1/models/half_plus_two"
PREDICT = f"{HALF}:predict"


@dataclass(frozen=True, slots=True)
class Rest:
    """One HTTP exchange. `error` must be contained in the error message, `answer` must equal the JSON body."""

    id: str
    path: str
    body: bytes | str | None = None
    status: int = 200
    error: str = ""
    answer: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    only: str = ""


def bad(id: str, body: str | bytes, error: str, path: str = PREDICT) -> Rest:
    """A body that must be refused."""
    return Rest(id, path, body, 400, error)


def signature(name: str, inputs: str) -> str:
    """A columnar body whose values are JSON text."""
    return f'{{"signature_name": "{name}", "inputs": {inputs}}}'


IDENTITY = "/v1/models/identity:predict"

ANSWERS: tuple[Rest, ...] = (
    Rest("rows-unnamed", PREDICT, '{"instances": [[1.0], [2.0]]}', answer={"predictions": [[2.5], [3.0]]}),
    Rest("rows-named", PREDICT, '{"instances": [{"x": [1.0]}]}', answer={"predictions": [[2.5]]}),
    Rest("columns-unnamed", PREDICT, '{"inputs": [[1.0]]}', answer={"outputs": [[2.5]]}),
    Rest("columns-named", PREDICT, '{"inputs": {"x": [[1.0]]}}', answer={"outputs": [[2.5]]}),
    Rest("integers-for-floats", PREDICT, '{"instances": [[1], [-2]]}', answer={"predictions": [[2.5], [1.0]]}),
    Rest("text-after-the-document", PREDICT, '{"instances": [[1.0]]} and more', answer={"predictions": [[2.5]]}),
    Rest(
        "unknown-keys-are-ignored",
        PREDICT,
        '{"instances": [[1.0]], "note": {"a": [1]}}',
        answer={"predictions": [[2.5]]},
    ),
    Rest(
        "the-path-ignores-case",
        "/V1/Models/half_plus_two:predict",
        '{"instances": [[1.0]]}',
        answer={"predictions": [[2.5]]},
    ),
    Rest("version-in-path", f"{HALF}/versions/123:predict", '{"instances": [[1.0]]}', answer={"predictions": [[2.5]]}),
    Rest(
        "escaped-name",
        "/v1/models/half%5Fplus%5Ftwo:predict",
        '{"instances": [[1.0]]}',
        answer={"predictions": [[2.5]]},
    ),
    Rest(
        "label-in-path",
        "/v1/models/two_versions/labels/stable:predict",
        '{"instances": [[1.0]]}',
        answer={"predictions": [[2.5]]},
    ),
    Rest(
        "signature-null-key-order",
        PREDICT,
        '{"instances": [[1.0]], "signature_name": "serving_default"}',
        answer={"predictions": [[2.5]]},
    ),
    Rest(
        "gzip-body",
        PREDICT,
        gzip.compress(b'{"instances": [[1.0]]}'),
        answer={"predictions": [[2.5]]},
        headers={"Content_Encoding": "gzip"},
    ),
    Rest(
        "zstd-body",
        PREDICT,
        zstd_frame.stored(b'{"instances": [[1.0]]}'),
        answer={"predictions": [[2.5]]},
        headers={"Content_Encoding": "zstd"},
        only="seaway",
    ),
    Rest(
        "zstd-frames-one-after-another",
        PREDICT,
        zstd_frame.stored(b'{"instances": ') + zstd_frame.stored(b"[[1.0]]}"),
        answer={"predictions": [[2.5]]},
        headers={"Content_Encoding": "ZSTD"},
        only="seaway",
    ),
    Rest(
        "a-list-after-lists-of-numbers",
        IDENTITY,
        signature("int64", "[[1, 2] , [3,4],[ 5, 6 ] ]"),
        answer={"outputs": [[1, 2], [3, 4], [5, 6]]},
    ),
    Rest(
        "base64-in",
        IDENTITY,
        signature("string", '[{"b64": "' + base64.b64encode(b"abc").decode() + '"}, "d"]'),
        answer={"outputs": ["abc", "d"]},
    ),
    Rest(
        "bytes-suffix-out",
        "/v1/models/strings:predict",
        '{"signature_name": "lookup", "instances": ["beta"]}',
        answer={"predictions": [{"id": 1, "word_bytes": {"b64": base64.b64encode(b"beta").decode()}}]},
    ),
    Rest(
        "unicode-escapes",
        IDENTITY,
        signature("string", '["h\\u00f6her \\ud83d\\ude00"]'),
        answer={"outputs": ["höher 😀"]},
    ),
    Rest("scalar", IDENTITY, signature("float64", "2.5"), answer={"outputs": 2.5}),
    Rest("empty-list", IDENTITY, signature("float32", "[]"), answer={"outputs": []}),
    Rest("deep", IDENTITY, signature("int64", "[[[[[[7]]]]]]"), answer={"outputs": [[[[[[7]]]]]]}),
    Rest("whole-floats-keep-a-point", IDENTITY, signature("float32", "[1, 100, -0.0]"), text="[1.0, 100.0, -0.0]"),
    Rest(
        "six-digits-when-they-round-trip",
        IDENTITY,
        signature("float32", "[0.1, 1.5, 3.14159]"),
        text="[0.1, 1.5, 3.14159]",
    ),
    Rest(
        "all-digits-when-needed",
        IDENTITY,
        signature("float32", "[0.333333333, 16777216]"),
        text="[0.333333343, 16777216.0]",
    ),
    Rest("exponents", IDENTITY, signature("float32", "[9000000, 0.00003]"), text="[9e+06, 3e-05]"),
    Rest("non-finite", IDENTITY, signature("float32", "[NaN, Infinity, -Infinity]"), text="[NaN, Infinity, -Infinity]"),
    Rest(
        "beyond-float32-becomes-infinite", IDENTITY, signature("float32", "[1e39, -1e39]"), text="[Infinity, -Infinity]"
    ),
    Rest("below-float32-becomes-zero", IDENTITY, signature("float32", "[1e-60]"), text="[0.0]"),
    Rest(
        "limits-of-int64",
        IDENTITY,
        signature("int64", "[-9223372036854775808, 9223372036854775807]"),
        text="[-9223372036854775808, 9223372036854775807]",
    ),
    Rest("limit-of-uint64", IDENTITY, signature("uint64", "[18446744073709551615]"), text="[18446744073709551615]"),
    Rest("booleans", IDENTITY, signature("bool", "[[true], [false]]"), answer={"outputs": [[True], [False]]}),
    Rest(
        "feature-lists",
        f"{HALF}:regress",
        '{"signature_name": "regress_x_to_y", "examples": [{"x": [2.0]}]}',
        answer={"results": [3.0]},
    ),
)

_DEEP = "[" * 5000 + "]" * 5000

REFUSALS: tuple[Rest, ...] = (
    bad("empty-body", "", "JSON Parse error: The document is empty"),
    bad("not-json", "hello", "JSON Parse error: Invalid value. at offset: 0"),
    bad("unfinished", '{"instances": [[1.0]', "JSON Parse error: "),
    bad("missing-comma", '{"instances": [[1.0] [2.0]]}', "at offset: "),
    bad("bad-utf8", b'{"instances": ["\xff\xfe"]}', ""),
    bad("nested-thousands-deep", '{"instances": ' + _DEEP + "}", ""),
    bad("not-an-object", "[1, 2]", "Is not object"),
    bad("neither-key", '{"signature_name": "serving_default"}', "Missing 'inputs' or 'instances' key"),
    bad("both-keys", '{"instances": [[1.0]], "inputs": [[1.0]]}', "expecting only one of"),
    bad(
        "signature-is-a-number",
        '{"signature_name": 5, "instances": [[1.0]]}',
        "'signature_name' key must be a string value.",
    ),
    bad("instances-is-an-object", '{"instances": {"x": 1}}', "Excepting 'instances' to be an list/array"),
    bad("no-instances", '{"instances": []}', "No values in 'instances' array"),
    bad("text-for-a-float", '{"instances": [["two"]]}', "Type: String is not of expected type: float"),
    bad("null-for-a-float", '{"instances": [[null]]}', "Type: Null is not of expected type: float"),
    bad("object-for-a-float", '{"instances": [[{"b64": "QQ=="}]]}', "is not of expected type: float"),
    bad(
        "float-for-an-integer",
        '{"instances": [1.5]}',
        "is not of expected type: int32",
        "/v1/models/int32_rows:predict",
    ),
    bad(
        "integer-beyond-int32",
        '{"instances": [4294967296]}',
        "is not of expected type: int32",
        "/v1/models/int32_rows:predict",
    ),
    bad("beyond-int64", signature("int64", "[9223372036854775808]"), "is not of expected type: int64", IDENTITY),
    bad("beyond-uint64", signature("uint64", "[18446744073709551616]"), "is not of expected type: uint64", IDENTITY),
    bad("negative-for-unsigned", signature("uint32", "[-1]"), "is not of expected type: uint32", IDENTITY),
    bad("number-for-a-bool", signature("bool", "[1]"), "is not of expected type: bool", IDENTITY),
    bad("number-for-a-string", signature("string", "[1]"), "is not of expected type: string", IDENTITY),
    bad("not-base64", signature("string", '[{"b64": "???"}]'), "Unable to base64 decode", IDENTITY),
    bad(
        "two-keys-beside-b64",
        signature("string", '[{"b64": "QQ==", "c": 1}]'),
        "not formatted correctly for base64 data",
        IDENTITY,
    ),
    bad("ragged-rows", '{"instances": [[1.0], [1.0, 2.0]]}', "Expecting tensor size: 1 but got: 2"),
    bad("ragged-columns", '{"inputs": [[1.0], [1.0, 2.0]]}', "Encountered list at unexpected size: 2"),
    bad("ragged-depth", '{"inputs": [[1.0], 2.0]}', "found at incorrect level"),
    bad("list-too-deep", '{"inputs": [1.0, [2.0]]}', "Encountered list at unexpected level"),
    bad("mixed-rows", '{"instances": [{"x": [1.0]}, [1.0]]}', "Expecting object but got list at item 1 of input list"),
    bad(
        "mixed-rows-other-way",
        '{"instances": [[1.0], {"x": [1.0]}]}',
        "Expecting value/list but got object at item 1 of input list",
    ),
    bad("row-lacks-a-key", '{"instances": [{"a": 1.0}]}', "keys must be equal to: a,b", "/v1/models/outputs:predict"),
    bad("row-has-a-strange-key", '{"instances": [{"x": [1.0], "z": 1}]}', "does not have named input: z"),
    bad(
        "plain-rows-for-two-inputs",
        '{"instances": [1.0]}',
        "instances is a plain list, but expecting list of objects",
        "/v1/models/outputs:predict",
    ),
    bad(
        "plain-columns-for-two-inputs",
        '{"inputs": [1.0]}',
        "inputs is a plain value/list, but expecting an object",
        "/v1/models/outputs:predict",
    ),
    bad(
        "scalar-output-as-rows",
        '{"signature_name": "scalar", "instances": [1.0]}',
        "has no shape information",
        "/v1/models/outputs:predict",
    ),
    bad(
        "unequal-outputs-as-rows",
        '{"signature_name": "inconsistent", "instances": [1.0]}',
        "has inconsistent batch size",
        "/v1/models/outputs:predict",
    ),
    bad("examples-missing", "{}", "key 'examples' is expected and was not found", f"{HALF}:classify"),
    bad("examples-not-a-list", '{"examples": 1}', "Expecting 'examples' value to be an list/array", f"{HALF}:classify"),
    bad("examples-empty", '{"examples": []}', "'examples' value is an empty array", f"{HALF}:classify"),
    bad(
        "example-is-a-number", '{"examples": [1]}', "Example must be JSON object but got JSON Number", f"{HALF}:regress"
    ),
    bad(
        "feature-is-null",
        '{"examples": [{"x": null}]}',
        "has element with unexpected JSON type: Null",
        f"{HALF}:regress",
    ),
    bad(
        "feature-of-two-kinds",
        '{"examples": [{"x": [1.0, "a"]}]}',
        "Unexpected element type in feature: x",
        f"{HALF}:regress",
    ),
    bad(
        "feature-beyond-int64",
        '{"examples": [{"x": 18446744073709551615}]}',
        "has uint64 element. Only int64 is supported.",
        f"{HALF}:regress",
    ),
    Rest("gzip-that-is-none", PREDICT, b"plain", 400, headers={"Content_Encoding": "gzip"}),
    Rest(
        "gzip-cut-short",
        PREDICT,
        gzip.compress(b'{"instances": [[1.0]]}')[:-6],
        400,
        headers={"Content_Encoding": "gzip"},
    ),
    Rest(
        "zstd-that-is-none",
        PREDICT,
        b"plain",
        400,
        "the request's body is not valid zstd",
        headers={"Content_Encoding": "zstd"},
        only="seaway",
    ),
    Rest(
        "zstd-cut-short",
        PREDICT,
        zstd_frame.stored(b'{"instances": [[1.0]]}')[:-6],
        400,
        "the request's body is not valid zstd",
        headers={"Content_Encoding": "zstd"},
        only="seaway",
    ),
    Rest(
        "zstd-of-a-window-beyond-8-mib",
        PREDICT,
        zstd_frame.spaces(zstd_frame.MAX_BLOCK_BYTES, window_log=24),
        400,
        "a window of up to 8 MiB",
        headers={"Content_Encoding": "zstd"},
        only="seaway",
    ),
    Rest(
        "another-content-encoding",
        PREDICT,
        b"plain",
        415,
        "send gzip, zstd or none",
        headers={"Content_Encoding": "br"},
        only="seaway",
    ),
)

PATHS: tuple[Rest, ...] = (
    Rest("no-such-path", "/v1/foo", "{}", 400, "Malformed request: POST /v1/foo"),
    Rest("no-such-get", "/v1/foo", None, 400, "Malformed request: GET /v1/foo"),
    Rest("no-model", "/v1/models/:predict", '{"instances": [1]}', 400, ""),
    Rest("no-such-verb", f"{HALF}:guess", "{}", 400, "Malformed request: POST"),
    Rest("get-on-predict", PREDICT, None, 400, "Malformed request: GET"),
    Rest(
        "version-beyond-64-bits",
        f"{HALF}/versions/99999999999999999999:predict",
        '{"instances": [[1]]}',
        400,
        "Failed to convert version: 99999999999999999999 to numeric.",
    ),
    Rest("status-of-nobody", "/v1/models/nobody", None, 404, "Could not find any versions of model nobody"),
    Rest("status-of-no-version", f"{HALF}/versions/7", None, 404, "Could not find version 7 of model half_plus_two"),
    Rest(
        "metadata-of-nobody", "/v1/models/nobody/metadata", None, 404, "Servable not found for request: Latest(nobody)"
    ),
    Rest(
        "metadata-of-a-label",
        "/v1/models/two_versions/labels/none/metadata",
        None,
        400,
        "Unrecognized servable version label: none",
    ),
)


def listed(count: int) -> str:
    """A row-format body of this many rows."""
    return json.dumps({"instances": [[1.0]] * count})
