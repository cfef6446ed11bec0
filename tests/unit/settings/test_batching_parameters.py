"""TensorFlow Serving's batching parameters as the plane's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.settings.batching import Batching
from seaway.settings.batching_parameters import (
    Rules,
    natural_rules,
    parse_batching_parameters,
    read_batching_parameters,
)

DEFAULTS: Rules = {
    "enabled": True,
    "max_batch_size": 1000,
    "max_enqueued_batches": 10,
    "num_batch_threads": 2,
    "batch_timeout_micros": 0,
    "pad_variable_length_inputs": False,
    "enable_large_batch_splitting": False,
    "allowed_batch_sizes": [],
}


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param("", {}, id="empty-file-is-tensorflow-servings-defaults"),
        pytest.param(
            "max_batch_size { value: 8 } allowed_batch_sizes: [2, 4, 8]",
            {"max_batch_size": 8, "allowed_batch_sizes": [2, 4, 8]},
            id="sizes",
        ),
        pytest.param(
            "allowed_batch_sizes: [10, 1000] batch_timeout_micros { value: 500 }",
            {"allowed_batch_sizes": [10, 1000], "batch_timeout_micros": 500},
            id="default-greatest-size",
        ),
        pytest.param(
            "max_batch_size { value: 64 } enable_large_batch_splitting { value: true } "
            "max_execution_batch_size { value: 16 } allowed_batch_sizes: [8, 16]",
            {
                "max_batch_size": 64,
                "enable_large_batch_splitting": True,
                "max_execution_batch_size": 16,
                "allowed_batch_sizes": [8, 16],
            },
            id="splitting",
        ),
        pytest.param(
            "num_batch_threads { value: 5 } max_enqueued_batches { value: 3 } pad_variable_length_inputs: true",
            {"num_batch_threads": 5, "max_enqueued_batches": 3, "pad_variable_length_inputs": True},
            id="the-rest",
        ),
    ],
)
def test_a_file_gives_rules_and_what_it_leaves_out_is_as_in_tensorflow_serving(
    tmp_path: Path, text: str, rules: Rules
) -> None:
    file = tmp_path / "batching.txt"
    file.write_text(text)
    assert read_batching_parameters(str(file), "--batching_parameters_file", cores=2) == DEFAULTS | rules


def test_natural_batching_has_no_limit_that_refuses_a_request() -> None:
    assert natural_rules(Batching()) == {"enabled": True, "batch_timeout_micros": 0}
    assert natural_rules(Batching(max_batch_size=8, batch_timeout_micros=5)) == {
        "enabled": True,
        "max_batch_size": 8,
        "batch_timeout_micros": 5,
    }


NATURAL: Rules = {"enabled": True, "batch_timeout_micros": 0}
PLAIN: Rules = {"pad_variable_length_inputs": False, "enable_large_batch_splitting": False, "allowed_batch_sizes": []}


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        pytest.param("{}", {}, id="nothing-is-natural-batching"),
        pytest.param('{"enabled": false}', {"enabled": False}, id="off"),
        pytest.param('{"max_batch_size": 8}', {"max_batch_size": 8}, id="a-number"),
        pytest.param('{"maxBatchSize": "8"}', {"max_batch_size": 8}, id="proto3-json-names-and-strings"),
        pytest.param(
            '{"max_batch_size": 8, "allowed_batch_sizes": [4, 8], "pad_variable_length_inputs": true}',
            {"max_batch_size": 8, "allowed_batch_sizes": [4, 8], "pad_variable_length_inputs": True},
            id="sizes",
        ),
        pytest.param('{"thread_pool_name": "x"}', {}, id="without-effect"),
    ],
)
def test_json_gives_rules_and_what_it_leaves_out_is_natural(text: str, rules: Rules) -> None:
    assert parse_batching_parameters(text, "here", NATURAL) == NATURAL | PLAIN | rules


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("{", "here: not JSON", id="no-json"),
        pytest.param("[1]", r"here: \[1\] is no JSON object", id="no-object"),
        pytest.param('{"enabled": 1}', "here: enabled is 1; use true or false", id="enabled-is-no-boolean"),
        pytest.param('{"max_batch": 1}', "max_batch", id="unknown-field"),
        pytest.param('{"max_batch_size": 0}', "max_batch_size is 0; use at least 1", id="below"),
        pytest.param('{"num_batch_threads": 70000}', "num_batch_threads is 70000; use at most 65535", id="above"),
        pytest.param('{"batch_timeout_micros": -1}', "batch_timeout_micros is -1; use at least 0", id="negative-wait"),
        pytest.param('{"max_batch_size": 8, "allowed_batch_sizes": [8, 4]}', r"\[8, 4\] must be", id="descending"),
        pytest.param(
            '{"allowed_batch_sizes": [8]}', "is 8 and must equal max_batch_size, which is not given", id="no-greatest"
        ),
    ],
)
def test_json_that_cannot_be_used_is_refused_with_value_and_bound(text: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        parse_batching_parameters(text, "here", NATURAL)
