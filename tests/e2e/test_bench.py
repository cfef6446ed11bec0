"""`seaway bench` against real servers: what it counts is what the server counted."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seaway.bench.stages import METRICS_PATH, parse_totals
from seaway.protos import message
from seaway.protos.tfrecord import masked_crc
from tests.models.cache import Models
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.server import Server
from tests.support.tls_front import CERTIFICATES, TlsFront

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]


def command(*arguments: str) -> list[str]:
    main = "import sys; from seaway.cli.main import run; sys.exit(run(sys.argv[1:]))"
    return [sys.executable, "-c", main, "bench", *arguments]


def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=120, check=False)


def told(*arguments: str) -> dict[str, Any]:
    done = bench(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def answered(server: Server, api: str) -> float:
    page = server.get(METRICS_PATH).body.decode()
    return parse_totals(page, "half_plus_two", api)["run"].requests


@pytest.fixture
def server(start: Start, models: Models) -> Server:
    """A server with the smallest model."""
    return start({"half_plus_two": models.path("half_plus_two")})


@pytest.mark.smoke
@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_every_request_that_is_counted_was_answered_by_the_server(server: Server, api: str) -> None:
    target = server.grpc_address if api == "grpc" else server.url
    report = told(
        target, "--model=half_plus_two", "--count=200", "--in-flight=4", f"--metrics={server.url}", "--batch-size=3"
    )
    measured = report["measurement"]
    assert (measured["succeeded"], measured["failed"], measured["unanswered"]) == (200, 0, 0)
    assert answered(server, api) == 200
    assert set(measured["stage_micros"]) == {"decode", "queue", "run", "encode"}
    assert measured["generator_micros_per_request"] > 0
    assert (
        0 < measured["latency_micros"]["p50"] <= measured["latency_micros"]["p99"] <= measured["latency_micros"]["max"]
    )
    assert sum(window["succeeded"] for window in measured["windows"]) == 200
    assert "float32[3" in report["facts"]["request"]


def test_an_open_loop_sends_what_falls_due(server: Server) -> None:
    arguments = ("--model=half_plus_two", "--rate=200", "--duration=1.5", "--warm-up=0")
    regular = told(server.grpc_address, *arguments)["measurement"]
    assert 290 <= regular["succeeded"] <= 300
    random = told(server.grpc_address, *arguments, "--poisson", "--seed=5")["measurement"]
    again = told(server.url, *arguments, "--poisson", "--seed=5")["measurement"]
    assert 220 <= random["succeeded"] <= 380
    assert abs(random["succeeded"] - again["succeeded"]) <= 3


def test_failures_are_counted_by_kind(server: Server, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"\xff\xff\xff")
    done = bench(server.grpc_address, "--model=half_plus_two", f"--body={tmp_path / 'body'}", "--count=5")
    assert done.returncode == 1
    assert "not one request" in done.stderr
    assert "5 x grpc" in done.stderr
    (tmp_path / "body").write_text("{}")
    done = bench(server.url, "--model=half_plus_two", f"--body={tmp_path / 'body'}", "--count=5")
    assert "5 x http 400" in done.stderr


def test_a_model_that_is_not_there_is_told_before_any_load(server: Server) -> None:
    for target in (server.grpc_address, server.url):
        done = bench(target, "--model=other")
        assert (done.returncode, done.stdout) == (1, "")
        assert "other" in done.stderr
    done = bench(server.url, "--model=half_plus_two", "--signature=none_such")
    assert "serving_default" in done.stderr
    assert bench(f"127.0.0.1:{free_port()}", "--model=half_plus_two").returncode == 1


def framed(record: bytes) -> bytes:
    length = struct.pack("<Q", len(record))
    return length + struct.pack("<I", masked_crc(length)) + record + struct.pack("<I", masked_crc(record))


def regressed(x: float) -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    request = log.regress_log.request
    request.model_spec.signature_name = "regress_x_to_y"
    request.input.example_list.examples.add().features.feature["x"].float_list.value.append(x)
    return framed(bytes(log.SerializeToString()))


def recorded(rows: int) -> bytes:
    log = message("tensorflow.serving.PredictionLog")()
    log.predict_log.request.model_spec.name = "as_it_was_called_then"
    tensor = log.predict_log.request.inputs["x"]
    tensor.dtype = 1
    tensor.tensor_shape.dim.add(size=rows)
    tensor.tensor_shape.dim.add(size=1)
    tensor.float_val.extend([1.0] * rows)
    return framed(bytes(log.SerializeToString()))


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_recorded_requests_are_sent_in_turn(server: Server, api: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(recorded(rows=1) + recorded(rows=3))
    target = server.grpc_address if api == "grpc" else server.url
    report = told(target, "--model=half_plus_two", f"--log={tmp_path / 'log'}", "--count=20")
    assert (report["measurement"]["succeeded"], report["measurement"]["failed"]) == (20, 0)
    page = server.get(METRICS_PATH).body.decode()
    (rows,) = (line for line in page.splitlines() if line.startswith("seaway_request_rows_total{"))
    assert float(rows.rsplit(" ", 1)[1]) == 10 * 1 + 10 * 3


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_recorded_examples_are_sent_to_their_own_method(server: Server, api: str, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(recorded(rows=1) + regressed(1.0) + regressed(2.0))
    target = server.grpc_address if api == "grpc" else server.url
    arguments = (target, "--model=half_plus_two", f"--log={tmp_path / 'log'}", "--count=8")
    assert "choose one kind with --method" in bench(*arguments).stderr
    measured = told(*arguments, "--method=regress")["measurement"]
    assert (measured["succeeded"], measured["failed"]) == (8, 0)


def test_a_server_with_tls_is_measured_by_those_who_trust_it(start: Start, models: Models) -> None:
    server = start(
        {"half_plus_two": models.path("half_plus_two")},
        f"--tls-key-file={CERTIFICATES / 'server-key.pem'}",
        f"--tls-cert-file={CERTIFICATES / 'server.pem'}",
        f"--tls-client-ca-file={CERTIFICATES / 'authority.pem'}",
        "--tls-client-verify",
    )
    own = (f"--cert-file={CERTIFICATES / 'client.pem'}", f"--key-file={CERTIFICATES / 'client-key.pem'}")
    trusting = (f"--ca-file={CERTIFICATES / 'authority.pem'}", *own)
    arguments = ("--model=half_plus_two", "--count=40", "--in-flight=4")
    for target, more in (
        (f"grpcs://{server.grpc_address}", trusting),
        (server.grpc_address, ("--tls", *trusting)),
        (server.grpc_address, ("--tls", "--insecure", *own)),
    ):
        measured = told(target, *arguments, *more, f"--metrics={server.url}")["measurement"]
        assert (measured["succeeded"], measured["failed"]) == (40, 0)
    assert answered(server, "grpc") == 120
    for more in (("--tls", *own), ("--tls", f"--ca-file={CERTIFICATES / 'authority.pem'}"), ()):
        assert bench(server.grpc_address, *arguments, *more).returncode == 1


def test_rest_behind_tls_is_measured_with_its_metadata_and_its_metrics(server: Server) -> None:
    trusting = ("--model=half_plus_two", "--count=40", f"--ca-file={CERTIFICATES / 'authority.pem'}")
    own = (f"--cert-file={CERTIFICATES / 'client.pem'}", f"--key-file={CERTIFICATES / 'client-key.pem'}")
    with TlsFront(server.rest_address, CERTIFICATES / "authority.pem") as front:
        measured = told(f"https://localhost:{front.port}", *trusting, *own)["measurement"]
        refused = bench(f"https://localhost:{front.port}", *trusting)
    assert (measured["succeeded"], measured["failed"]) == (40, 0)
    assert set(measured["stage_micros"]) == {"decode", "queue", "run", "encode"}
    assert (refused.returncode, refused.stdout) == (1, "")


def test_unix_sockets_are_measured(start: Start, models: Models, tmp_path: Path) -> None:
    grpc, rest = tmp_path / "grpc.sock", tmp_path / "rest.sock"
    server = start(
        {"half_plus_two": models.path("half_plus_two")}, f"--grpc-socket-path={grpc}", f"--rest-socket-path={rest}"
    )
    for target in (f"unix:{grpc}", f"http+unix:{rest}"):
        measured = told(target, "--model=half_plus_two", "--count=40", "--in-flight=2")["measurement"]
        assert (measured["succeeded"], measured["failed"], measured["target"]) == (40, 0, target)
    assert (answered(server, "grpc"), answered(server, "rest")) == (40, 40)


def test_an_answer_after_the_deadline_is_a_failure(server: Server) -> None:
    arguments = ("--model=half_plus_two", "--count=30", "--deadline=0.0001", "--json")
    done = bench(server.url, *arguments)
    assert "late" in done.stdout + done.stderr
    assert told(server.url, "--model=half_plus_two", "--count=30", "--deadline=60")["measurement"]["failed"] == 0


def test_two_ways_to_one_server_are_compared_in_pairs(server: Server, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    arguments = ["--compare", server.grpc_address, server.url, "--model=half_plus_two", "--rounds=2"]
    report = told(*arguments, "--duration=0.3", "--warm-up=0.1", f"--html={page}")
    comparison = report["comparison"]
    assert [pair["a"]["target"] for pair in comparison["pairs"]] == [f"grpc://{server.grpc_address}"] * 2
    assert [pair["b"]["target"] for pair in comparison["pairs"]] == [server.url] * 2
    throughput = comparison["ratios_b_to_a"][0]
    assert throughput["lowest"] <= throughput["median"] <= throughput["highest"]
    assert page.read_text().count("<svg") >= 2


def test_the_highest_rate_is_searched_within_its_time(server: Server) -> None:
    arguments = ("--model=half_plus_two", "--find-max", "--slo=p50=1s", "--rate=40", "--duration=0.5", "--warm-up=0.1")
    search = told(server.grpc_address, *arguments, "--time-limit=3")["search"]
    assert search["found"]["rate"] >= 40
    rates = [trial["measurement"]["rate"] for trial in search["trials"]]
    assert rates[:3] == [40, 80, 160]
    assert search["seconds"] < 15


def test_an_interrupt_ends_it_with_a_report(server: Server) -> None:
    arguments = command(
        server.grpc_address, "--model=half_plus_two", "--rate=50", "--duration=600", "--warm-up=0", "--json"
    )
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: answered(server, "grpc"), lambda count: count > 10, "requests arrive")
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 0, err
    measured = json.loads(out)["measurement"]
    assert measured["interrupted"] is True
    assert measured["succeeded"] > 10
