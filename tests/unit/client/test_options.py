"""Options, headers, the runtime of a blocking client, and what an import brings."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from seaway.client import Client, Tls
from seaway.client.headers import HeaderSource, current_traceparent
from seaway.client.options import CallOptions, Options, Settings
from seaway.client.runtime import BlockingRuntime, finish
from seaway.client.signature import Signature, TensorSpec
from seaway.client.stub import Origin, class_name, identifier, module_text
from seaway.errors import Internal, InvalidArgument
from tests.support.fakes import FakeClock


def test_keywords_of_a_client_are_the_fields_of_its_options() -> None:
    declared = {field.name: field.type for field in dataclasses.fields(Options)}
    assert declared == {name: kind.__forward_arg__ for name, kind in Settings.__annotations__.items()}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timeout_s": 0}, "timeout_s cannot be 0"),
        ({"concurrency": 0}, "concurrency cannot be 0"),
        ({"max_batch_rows": -1}, "max_batch_rows cannot be -1"),
        ({"token": "a", "token_file": "b"}, "token and token_file are both given"),
    ],
)
def test_an_impossible_setting_is_refused(settings: Any, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Client("a:1", **settings)


def test_half_a_certificate_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="belong together"):
        Tls(cert_file="a.pem")


def test_a_token_is_in_no_repr() -> None:
    options = Options(token="very-secret")
    assert "very-secret" not in repr(options) + str(options.token) + repr(Client("a:1", token="very-secret"))
    assert ("authorization", "Bearer very-secret") in HeaderSource(options).of(CallOptions())


@pytest.mark.parametrize(("text", "words"), [(None, "cannot be read"), (" \n", "is empty")])
def test_a_token_file_without_a_token_is_refused(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "token").write_text(text)
    with pytest.raises(InvalidArgument, match=words):
        HeaderSource(Options(token_file=tmp_path / "token")).of(CallOptions())


def test_the_span_of_opentelemetry_goes_along() -> None:
    trace = pytest.importorskip("opentelemetry.trace")
    assert current_traceparent() == ""
    context = trace.SpanContext(0xA, 0xB, is_remote=False, trace_flags=trace.TraceFlags(1))
    with trace.use_span(trace.NonRecordingSpan(context)):
        assert current_traceparent() == "00-0000000000000000000000000000000a-000000000000000b-01"


def test_what_runs_beside_each_other_comes_back_in_order_and_within_its_limit() -> None:
    running, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2, timeout=10)

    async def one(number: int) -> int:
        nonlocal running, most
        with lock:
            running, most = running + 1, max(most, running + 1)
        both.wait()
        with lock:
            running -= 1
        return number

    found = finish(BlockingRuntime(FakeClock()).gather([partial(one, number) for number in range(10)], 2))
    assert found == list(range(10))
    assert most == 2


def test_the_first_failure_ends_what_runs_beside_it() -> None:
    begun: list[int] = []

    async def one(number: int) -> int:
        begun.append(number)
        raise InvalidArgument(f"{number} fails")

    with pytest.raises(InvalidArgument, match="0 fails"):
        finish(BlockingRuntime(FakeClock()).gather([partial(one, number) for number in range(100)], 1))
    assert len(begun) <= 100


def test_a_coroutine_that_waits_is_a_defect_that_is_told() -> None:
    import asyncio  # noqa: PLC0415 - only here

    with pytest.raises(Internal, match="defect"):
        finish(asyncio.sleep(0))


def test_an_import_brings_no_heavy_package() -> None:
    program = (
        "import sys, seaway; first = set(sys.modules); from seaway import Client, AsyncClient; Client('a:1');"
        "print('numpy' in first, sorted({'grpc', 'httpx', 'tensorflow', 'keras', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False []"


@pytest.mark.parametrize(
    ("name", "made"),
    [("x", "x"), ("class", "x_class"), ("1st", "x_1st"), ("a b/é", "a_b__"), ("self", "self_"), ("", "_")],
)
def test_a_name_of_a_model_becomes_one_of_python(name: str, made: str) -> None:
    assert identifier(name) == made
    assert identifier(name).isidentifier()


def test_names_that_would_be_the_same_are_told_apart() -> None:
    assert identifier("a b", {"a_b"}) == "a_b_"
    assert class_name("half_plus_two") == "HalfPlusTwo"
    assert class_name("3d-net") == "Model3dNet"


def test_hostile_names_make_a_module_all_the_same() -> None:
    evil = '"""\nimport os\n\\'
    tensors = {evil: TensorSpec(evil, 1, (-1,)), "class": TensorSpec("class", 7, None)}
    text = module_text(Origin(evil, "a:1"), {evil: Signature(evil, tensors, tensors, optional=frozenset({evil}))})
    compile(text, "stub.py", "exec")
    assert "\nimport os" not in text
