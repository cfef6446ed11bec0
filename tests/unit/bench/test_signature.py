"""Signatures out of metadata answers."""

from __future__ import annotations

import pytest

from seaway.bench.signature import Dimension, InputSpec, Model, inputs_of, rest_definitions
from seaway.errors import FailedPrecondition, NotFound

ANSWER = {
    "model_spec": {"name": "m", "signature_name": "", "version": "1"},
    "metadata": {
        "signature_def": {
            "@type": "type.googleapis.com/tensorflow.serving.SignatureDefMap",
            "signature_def": {
                "serving_default": {
                    "inputs": {
                        "x": {
                            "dtype": "DT_FLOAT",
                            "tensor_shape": {
                                "dim": [{"size": "-1", "name": "batch"}, {"size": "3", "name": ""}],
                                "unknown_rank": False,
                            },
                            "name": "x:0",
                        },
                        "any": {"dtype": "DT_STRING", "tensor_shape": {"dim": [], "unknown_rank": True}, "name": "a:0"},
                    },
                    "outputs": {},
                    "method_name": "tensorflow/serving/predict",
                    "a_field_of_a_newer_server": 1,
                }
            },
        }
    },
}


def test_a_rest_answer_tells_the_inputs_by_name() -> None:
    assert inputs_of(rest_definitions(ANSWER), Model("m")) == [
        InputSpec("any", 7, None),
        InputSpec("x", 1, (Dimension(-1, "batch"), Dimension(3))),
    ]


def test_a_signature_that_is_missing_is_told_with_those_there_are() -> None:
    with pytest.raises(NotFound, match=r"no signature 'other'; it has: serving_default"):
        inputs_of(rest_definitions(ANSWER), Model("m", signature="other"))


def test_a_step_of_a_load_is_not_offered() -> None:
    definitions = rest_definitions(ANSWER)
    definitions.signature_def["__saved_model_init_op"].method_name = ""
    with pytest.raises(NotFound, match=r"it has: serving_default; choose"):
        inputs_of(definitions, Model("m", signature="other"))


def test_metadata_without_signatures_ask_for_a_body() -> None:
    with pytest.raises(FailedPrecondition, match="--body"):
        rest_definitions({"metadata": {}})
