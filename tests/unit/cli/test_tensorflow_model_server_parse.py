"""TensorFlow's own rules of reading a command line, case by case."""

from __future__ import annotations

import pytest

from seaway.cli.tensorflow_model_server.flags import FLAGS
from seaway.cli.tensorflow_model_server.parse import parse_flags, usage


@pytest.mark.parametrize(
    ("argument", "name", "value"),
    [
        pytest.param("--port=9000", "port", 9000, id="integer"),
        pytest.param("--port= +9000", "port", 9000, id="integer-as-scanf-reads-it"),
        pytest.param("--file_system_poll_wait_seconds=-1", "file_system_poll_wait_seconds", -1, id="negative"),
        pytest.param("--load_retry_interval_micros=60000000000", "load_retry_interval_micros", 6 * 10**10, id="int64"),
        pytest.param("--per_process_gpu_memory_fraction=.5", "per_process_gpu_memory_fraction", 0.5, id="float"),
        pytest.param("--per_process_gpu_memory_fraction=1e-1", "per_process_gpu_memory_fraction", 0.1, id="exponent"),
        pytest.param("--model_name=a=b", "model_name", "a=b", id="text-with-equals-sign"),
        pytest.param("--model_name=", "model_name", "", id="empty-text"),
        pytest.param("--enable_batching", "enable_batching", True, id="bare-boolean"),
        pytest.param("--enable_batching=true", "enable_batching", True, id="true"),
        pytest.param("--enable_model_warmup=false", "enable_model_warmup", False, id="false"),
    ],
)
def test_a_value_is_read_as_tensorflow_reads_it(argument: str, name: str, value: object) -> None:
    parsed = parse_flags([argument])
    assert parsed.given == {name: value}
    assert (parsed.unknown, parsed.complaints) == ((), ())
    assert not parsed.wants_usage_only


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        pytest.param("--port=x", "Couldn't interpret value x for flag port.", id="letters"),
        pytest.param("--port=", "Couldn't interpret value  for flag port.", id="nothing"),
        pytest.param("--port=1 ", "Couldn't interpret value 1  for flag port.", id="trailing-space"),
        pytest.param("--port=1.5", "Couldn't interpret value 1.5 for flag port.", id="fraction"),
        pytest.param("--port=4294967296", "Couldn't interpret value 4294967296 for flag port.", id="beyond-32-bits"),
        pytest.param("--enable_batching=1", "Couldn't interpret value =1 for flag enable_batching.", id="boolean-1"),
        pytest.param("--enable_batching=True", "Couldn't interpret value =True for flag enable_batching.", id="case"),
        pytest.param("--versions", "Couldn't interpret value s for flag version.", id="boolean-claims-its-prefix"),
        pytest.param(
            "--per_process_gpu_memory_fraction=half",
            "Couldn't interpret value half for flag per_process_gpu_memory_fraction.",
            id="float",
        ),
    ],
)
def test_a_value_that_cannot_be_read_asks_for_the_usage(argument: str, complaint: str) -> None:
    parsed = parse_flags(["--model_name=m", argument])
    assert parsed.complaints == (complaint,)
    assert parsed.wants_usage_only


@pytest.mark.parametrize(
    ("arguments", "unknown"),
    [
        pytest.param(["--nope=1"], ("--nope=1",), id="no-such-flag"),
        pytest.param(["--port", "9000"], ("--port", "9000"), id="value-apart"),
        pytest.param(["-port=9000"], ("-port=9000",), id="one-dash"),
        pytest.param(["--port=1", "--", "--port=2"], ("--", "--port=2"), id="after-two-dashes"),
        pytest.param(["models"], ("models",), id="word"),
    ],
)
def test_what_matches_no_flag_is_left_over_and_does_not_stop(arguments: list[str], unknown: tuple[str, ...]) -> None:
    parsed = parse_flags(arguments)
    assert parsed.unknown == unknown
    assert not parsed.wants_usage_only


def test_help_asks_for_the_usage_only_where_it_comes_first() -> None:
    assert parse_flags(["--port=1", "--help"]).wants_usage_only
    assert not parse_flags(["--nope", "--help"]).wants_usage_only


def test_the_last_value_of_a_flag_counts() -> None:
    assert parse_flags(["--port=1", "--port=2"]).number("port") == 2


def test_what_was_not_given_has_the_flags_default() -> None:
    parsed = parse_flags([])
    assert {flag.name: parsed.value(flag.name) for flag in FLAGS} == {flag.name: flag.default for flag in FLAGS}


def test_the_usage_shows_each_flag_with_its_default_and_kind() -> None:
    lines = usage("tensorflow_model_server", cores=2).splitlines()
    assert lines[:2] == ["usage: tensorflow_model_server", "Flags:"]
    assert len(lines) == 2 + len(FLAGS)
    assert lines[2].startswith("\t--port=8500                      \tint32\t")
    assert any(line.startswith("\t--rest_api_num_threads=8 ") for line in lines)
    assert any(line.startswith('\t--saved_model_tags="serve"') for line in lines)
    assert any(line.startswith("\t--per_process_gpu_memory_fraction=0.000000\tfloat\t") for line in lines)
