"""What two engines are asked."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from seaway.engines.element_types import NUMPY
from seaway.errors import InvalidArgument
from seaway.proof import samples
from seaway.proof.samples import ROW_COUNTS, made_samples, parsed, recorded_samples
from seaway.protos import message

FLOAT, INT, STRING = 1, 3, 7


def definitions(**signatures: dict[str, tuple[int, list[int]]]) -> Any:
    made = message("tensorflow.serving.SignatureDefMap")()
    for name, inputs in signatures.items():
        for alias, (dtype, shape) in inputs.items():
            info = made.signature_def[name].inputs[alias]
            info.dtype = dtype
            for size in shape:
                info.tensor_shape.dim.add(size=size)
    return made


def requests(signatures: Any) -> list[tuple[Any, Any]]:
    return [
        (sample, message("tensorflow.serving.PredictRequest").FromString(sample.request))
        for sample in made_samples(signatures)
    ]


def values(tensor: Any) -> Any:
    return np.frombuffer(tensor.tensor_content, NUMPY[tensor.dtype])


def test_a_free_leading_dimension_is_asked_with_many_row_counts_and_none() -> None:
    found = requests(definitions(f={"x": (FLOAT, [-1, 3])}))
    rows = [request.inputs["x"].tensor_shape.dim[0].size for sample, request in found if sample.kind == "rows"]
    assert rows == list(ROW_COUNTS)
    empty = [request for sample, request in found if sample.kind == "empty"]
    assert [list(dim.size for dim in request.inputs["x"].tensor_shape.dim) for request in empty] == [[0, 3]]


def test_fixed_shapes_are_asked_as_they_are() -> None:
    found = requests(definitions(f={"x": (FLOAT, [2, 3])}))
    assert {tuple(dim.size for dim in request.inputs["x"].tensor_shape.dim) for _, request in found} == {(2, 3)}
    assert {sample.kind for sample, _ in found} == {"ordinary", "large", "not finite"}


def test_free_dimensions_inside_are_asked_with_two_sizes() -> None:
    found = requests(definitions(f={"x": (FLOAT, [-1, -1])}))
    assert {request.inputs["x"].tensor_shape.dim[1].size for _, request in found} == {8, 13}


def test_what_is_not_finite_is_asked_of_floating_point_inputs_only() -> None:
    kinds = Counter(sample.kind for sample, _ in requests(definitions(f={"x": (INT, [-1])})))
    assert kinds["not finite"] == 0
    found = requests(definitions(f={"x": (FLOAT, [-1, 4])}))
    odd = {sample.about: values(request.inputs["x"]) for sample, request in found if sample.kind == "not finite"}
    assert np.isnan(odd["one NaN"]).sum() == 1
    assert np.isnan(odd["only NaN"]).all()
    assert np.isinf(odd["infinities"]).all()


def test_integers_reach_the_ends_of_their_type() -> None:
    found = {sample.about: request for sample, request in requests(definitions(f={"x": (INT, [-1, 4])}))}
    assert set(values(found["the ends of the type"].inputs["x"])) == {-(2**31), 2**31 - 1}


def test_strings_are_words_and_every_sample_names_its_signature() -> None:
    found = requests(definitions(f={"x": (STRING, [-1])}, g={"y": (FLOAT, [-1])}))
    assert {request.model_spec.signature_name for _, request in found} == {"f", "g"}
    word = next(request for sample, request in found if sample.signature == "f").inputs["x"].string_val[0]
    assert len(word) == 5
    assert word.isalpha()


def test_the_same_samples_are_made_each_time_and_ordinary_ones_differ() -> None:
    signatures = definitions(f={"x": (FLOAT, [-1, 3])})
    first, again = (list(made_samples(signatures)) for _ in range(2))
    assert first == again
    ordinary = [sample.request for sample in first if sample.kind == "ordinary"]
    assert len(set(ordinary)) == len(ordinary) > 1


def test_many_large_rows_are_left_out_and_one_is_asked_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    # The bound itself is 64 MiB of random numbers.
    monkeypatch.setattr(samples, "MAX_SAMPLE_BYTES", 1 << 20)
    row = samples.MAX_SAMPLE_BYTES // 4 // 3
    found = requests(definitions(f={"x": (FLOAT, [-1, row])}))
    assert max(sample.rows for sample, _ in found) == 3
    assert min(sample.rows for sample, _ in found) == 0


def test_inputs_of_unknown_rank_or_type_cannot_be_made_up() -> None:
    unknown = definitions(f={"x": (FLOAT, [-1])})
    unknown.signature_def["f"].inputs["x"].tensor_shape.unknown_rank = True
    assert requests(unknown) == []
    assert requests(definitions(f={"x": (14, [-1])})) == []


def test_recorded_predict_requests_for_known_signatures_are_samples() -> None:
    def record(kind: str, signature: str) -> bytes:
        log = message("tensorflow.serving.PredictionLog")()
        getattr(log, kind).request.model_spec.signature_name = signature
        return bytes(log.SerializeToString())

    records = [record("predict_log", "f"), record("predict_log", "gone"), record("classify_log", "f")]
    found = recorded_samples(records, definitions(f={"x": (FLOAT, [-1])}))
    assert [(sample.kind, sample.about) for sample in found] == [("recorded", "recorded request 0")]


def test_the_init_op_is_nothing_that_clients_call() -> None:
    signatures = definitions(f={"x": (FLOAT, [-1])})
    signatures.signature_def["__saved_model_init_op"].outputs["o"].name = "op"
    assert set(parsed(signatures.SerializeToString()).signature_def) == {"f"}
    with pytest.raises(InvalidArgument, match="no SignatureDefMap"):
        parsed(b"\xff\xff")
