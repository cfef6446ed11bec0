"""The case table: requests that both APIs can carry, and what each must answer.

A case is data. How it travels over gRPC, as REST columns and as REST rows is in `carriers.py`, so one line here is up
to three tests. Expected texts are the ones TensorFlow Serving's users see; where the two APIs word the same failure
differently the case says both. `only="seaway"` marks what this server does on purpose where TensorFlow Serving differs
(docs/compatibility.md says why).

Source: tensorflow_serving/servables/tensorflow/{predict_util,classifier,regressor}.cc, util/json_tensor.cc
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

HTTP_STATUS = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "INTERNAL": 500,
    "UNKNOWN": 500,
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """Values with their dtype's name; texts stand for themselves."""

    dtype: str
    values: Any


@dataclass(frozen=True, slots=True)
class Error:
    """A failure: its code, and a text that its message must contain; REST's own code and text where they differ."""

    code: str
    text: str
    rest_code: str = ""
    rest_text: str = ""

    @property
    def http_status(self) -> int:
        """The status that REST answers with."""
        return HTTP_STATUS[self.rest_code or self.code]


@dataclass(frozen=True, slots=True)
class Spec:
    """Which model, which version of it, which signature."""

    model: str
    signature: str = ""
    version: int | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Predict:
    """A Predict call."""

    id: str
    spec: Spec
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Any] = field(default_factory=dict)
    error: Error | None = None
    rows: bool = True
    rest: bool = True
    version: int | None = None
    only: str = ""


@dataclass(frozen=True, slots=True)
class Examples:
    """A Classify or Regress call; `results` in the form of REST."""

    id: str
    method: str
    spec: Spec
    examples: Sequence[Mapping[str, Any]]
    results: Any = None
    error: Error | None = None
    context: Mapping[str, Any] | None = None


def f32(*values: Any) -> Tensor:
    """A float32 tensor."""
    return Tensor("float32", list(values))


def text(*values: str) -> Tensor:
    """A string tensor."""
    return Tensor("string", list(values))


HALF = "half_plus_two"
TWO = "two_versions"

GOOD: tuple[Predict, ...] = (
    Predict("one-row", Spec(HALF), {"x": f32([2.0])}, {"y": [[3.0]]}, version=123),
    Predict("several-rows", Spec(HALF), {"x": f32([1.0], [2.0], [5.0])}, {"y": [[2.5], [3.0], [4.5]]}),
    Predict("explicit-default-signature", Spec(HALF, "serving_default"), {"x": f32([4.0])}, {"y": [[4.0]]}),
    Predict("explicit-version", Spec(HALF, version=123), {"x": f32([4.0])}, {"y": [[4.0]]}, version=123),
    Predict("old-version", Spec(TWO, version=123), {"x": f32([4.0])}, {"y": [[4.0]]}, version=123),
    Predict("latest-of-two-versions", Spec(TWO), {"x": f32([4.0])}, {"y": [[4.0]]}, version=124),
    Predict("label-stable", Spec(TWO, label="stable"), {"x": f32([4.0])}, {"y": [[4.0]]}, version=123),
    Predict("label-canary", Spec(TWO, label="canary"), {"x": f32([4.0])}, {"y": [[4.0]]}, version=124),
    Predict("tf2-module", Spec("half_plus_two_tf2"), {"x": f32([2.0])}, {"y": [[3.0]]}),
    Predict("keras", Spec("keras_sequential"), {"x": f32([1.0, 2.0], [0.5, 0.0])}, {"output_0": [[5.0], [0.5]]}),
    Predict("matrix", Spec("matmul"), {"x": f32([1.0, 0.0, 2.0])}, {"y": [[11.0, 14.0]]}),
    Predict("int32", Spec("int32_rows"), {"x": Tensor("int32", [-3, 0, 7])}, {"y": [-5, 1, 15]}),
    Predict(
        "several-outputs",
        Spec("outputs"),
        {"a": f32(1.0, 4.0), "b": f32(2.0, 3.0)},
        {"sum": [3.0, 7.0], "difference": [-1.0, 1.0], "label_bytes": ["not greater", "greater"]},
    ),
    Predict(
        "strings", Spec("strings"), {"text": text("abc", "Zürich")}, {"upper": ["ABC", "ZüRICH"], "length": [3, 7]}
    ),
    Predict(
        "lookup-table-from-an-asset",
        Spec("strings", "lookup"),
        {"word": text("beta", "unknown", "alpha")},
        {"id": [1, -1, 0], "word_bytes": ["beta", "unknown", "alpha"]},
    ),
    Predict("empty-strings", Spec("strings"), {"text": text("", "a")}, {"upper": ["", "A"], "length": [0, 1]}),
    Predict("empty-batch", Spec(HALF), {"x": Tensor("float32", [])}, {"y": []}, rows=False, rest=False),
    Predict("regress-signature", Spec(HALF, "regress_x2_to_y3"), {"inputs": f32([2.0])}, {"outputs": [[4.0]]}),
    Predict("scalar-output", Spec("outputs", "scalar"), {"a": f32(1.0, 2.5)}, {"total": 3.5}, rows=False),
    Predict(
        "outputs-of-unequal-length",
        Spec("outputs", "inconsistent"),
        {"a": f32(1.0, 2.0)},
        {"same": [1.0, 2.0], "longer": [1.0, 2.0, 0.0]},
        rows=False,
    ),
    Predict("default-fills-an-input", Spec("defaults"), {"a": f32(1.0)}, {"y": [11.0]}, rest=False, rows=False),
    Predict("given-input-beats-default", Spec("defaults"), {"a": f32(1.0), "b": f32(2.0)}, {"y": [3.0]}),
)

IDENTITY: tuple[Predict, ...] = tuple(
    Predict(
        f"dtype-{dtype}", Spec("identity", dtype), {"x": Tensor(dtype, values)}, {"y": values}, rest=rest, rows=rest
    )
    for dtype, values, rest in (
        ("float16", [0.5, -2.0, 65504.0], False),
        ("bfloat16", [0.5, -2.0, 256.0], False),
        ("float32", [0.5, -2.25, 3.0e38, 1.5e-30], True),
        ("float64", [0.1, -1e300, 5e-324], True),
        ("int8", [-128, 0, 127], True),
        ("int16", [-32768, 0, 32767], True),
        ("int32", [-(2**31), 0, 2**31 - 1], True),
        ("int64", [-(2**63), 0, 2**63 - 1], True),
        ("uint8", [0, 255], True),
        ("uint16", [0, 65535], False),
        ("uint32", [0, 2**32 - 1], True),
        ("uint64", [0, 2**64 - 1], True),
        ("bool", [True, False], True),
        ("complex64", [1 + 2j, -0.5j], False),
        ("complex128", [1 + 2j, -0.5j], False),
        ("string", ["", "a", "höher"], True),
    )
)

BAD: tuple[Predict, ...] = (
    Predict(
        "no-such-model",
        Spec("nobody"),
        {"x": f32([1.0])},
        error=Error("NOT_FOUND", "Servable not found for request: Latest(nobody)"),
    ),
    Predict(
        "no-such-version",
        Spec(HALF, version=9),
        {"x": f32([1.0])},
        error=Error("NOT_FOUND", f"Servable not found for request: Specific({HALF}, 9)"),
    ),
    Predict(
        "no-such-label",
        Spec(TWO, label="nightly"),
        {"x": f32([1.0])},
        error=Error("INVALID_ARGUMENT", "Unrecognized servable version label: nightly"),
    ),
    Predict(
        "no-such-signature",
        Spec(HALF, "nothing"),
        {"x": f32([1.0])},
        error=Error(
            "FAILED_PRECONDITION",
            'Serving signature key "nothing" not found.',
            "INVALID_ARGUMENT",
            'Serving signature name: "nothing" not found in signature def',
        ),
    ),
    Predict(
        "missing-input",
        Spec("outputs"),
        {"a": f32(1.0)},
        error=Error(
            "INVALID_ARGUMENT", "Missing but required: {b}", rest_text="Missing named input: b in 'inputs' object."
        ),
        rows=False,
    ),
    Predict(
        "misspelled-input",
        Spec(HALF),
        {"z": f32([1.0])},
        error=Error(
            "INVALID_ARGUMENT", "Sent extra: {z}. Missing but required: {x}.", rest_text="Missing named input: x"
        ),
        rows=False,
    ),
    Predict(
        "extra-input",
        Spec(HALF),
        {"x": f32([1.0]), "z": f32([1.0])},
        error=Error("INVALID_ARGUMENT", "input size does not match signature: 2!=1"),
        rest=False,
        rows=False,
    ),
    Predict(
        "no-input-at-all",
        Spec(HALF),
        {},
        error=Error("INVALID_ARGUMENT", "Missing but required: {x}"),
        rest=False,
        rows=False,
    ),
    Predict(
        "text-for-a-float",
        Spec(HALF),
        {"x": text("two")},
        error=Error("INVALID_ARGUMENT", "x", rest_text="is not of expected type: float"),
    ),
    Predict(
        "fails-while-it-runs",
        Spec("gather"),
        {"index": Tensor("int32", [7])},
        error=Error("INVALID_ARGUMENT", "indices[0] = 7 is not in [0, 3)"),
    ),
    Predict(
        "shape-that-the-graph-refuses",
        Spec("matmul"),
        {"x": f32([1.0, 2.0])},
        error=Error("INVALID_ARGUMENT", ""),
    ),
)

EXAMPLES: tuple[Examples, ...] = (
    Examples("regress", "regress", Spec(HALF, "regress_x_to_y"), [{"x": 2.0}, {"x": 4.0}], [3.0, 4.0]),
    Examples("regress-y2", "regress", Spec(HALF, "regress_x_to_y2"), [{"x": 2.0}], [4.0]),
    Examples("regress-tf2", "regress", Spec("half_plus_two_tf2", "regress_x_to_y"), [{"x": 2.0}], [3.0]),
    Examples("regress-flat-output", "regress", Spec("classifier", "regress"), [{"x": 2.0}, {"x": 1.5}], [2.0, 1.5]),
    Examples("regress-context", "regress", Spec(HALF, "regress_x_to_y"), [{}, {}], [3.0, 3.0], context={"x": 2.0}),
    Examples("classify", "classify", Spec(HALF, "classify_x_to_y"), [{"x": 2.0}], [[["", 3.0]]]),
    Examples("classify-tf2", "classify", Spec("half_plus_two_tf2", "classify_x_to_y"), [{"x": 2.0}], [[["", 3.0]]]),
    Examples(
        "classify-labels",
        "classify",
        Spec("classifier"),
        [{"x": 1.5}, {"x": 2.5}],
        [[["low", 1.5], ["middle", 3.0], ["high", 4.5]], [["low", 2.5], ["middle", 5.0], ["high", 7.5]]],
    ),
    Examples(
        "classify-scores-only",
        "classify",
        Spec("classifier", "scores_only"),
        [{"x": 0.5}],
        [[["", 0.5], ["", 1.0], ["", 1.5]]],
    ),
    Examples(
        "classify-classes-only",
        "classify",
        Spec("classifier", "classes_only"),
        [{"x": 0.5}],
        [[["low", 0.0], ["middle", 0.0], ["high", 0.0]]],
    ),
    Examples(
        "classify-missing-feature",
        "classify",
        Spec(HALF, "classify_x_to_y"),
        [{"w": 0.5}],
        error=Error("INVALID_ARGUMENT", "x"),
    ),
    Examples(
        "regress-no-such-signature",
        "regress",
        Spec(HALF, "nothing"),
        [{"x": 0.5}],
        error=Error("INVALID_ARGUMENT", "No signature was found with the name: nothing"),
    ),
    Examples(
        "regress-no-such-model",
        "regress",
        Spec("nobody", "regress_x_to_y"),
        [{"x": 0.5}],
        error=Error("NOT_FOUND", "Servable not found for request: Latest(nobody)"),
    ),
    Examples(
        "classify-a-regress-signature",
        "classify",
        Spec(HALF, "regress_x_to_y"),
        [{"x": 0.5}],
        error=Error("INVALID_ARGUMENT", "Expected classification signature"),
    ),
    Examples(
        "regress-a-classify-signature",
        "regress",
        Spec(HALF, "classify_x_to_y"),
        [{"x": 0.5}],
        error=Error("INVALID_ARGUMENT", "Expected regression signature"),
    ),
)

PREDICT: tuple[Predict, ...] = GOOD + IDENTITY + BAD
