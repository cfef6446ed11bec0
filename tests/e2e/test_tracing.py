"""Traces of real servers, as a real collector receives them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2

from tests.models.cache import Models
from tests.support.clients import Client, failure
from tests.support.collector import Collector, Seen, over_grpc, over_http
from tests.support.eventually import eventually
from tests.support.ports import free_port
from tests.support.server import Server

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
BODY = {"instances": [[1.0], [2.0]]}


def parent(sampled: bool) -> str:
    """A traceparent as a client sends it."""
    return f"00-{TRACE}-{SPAN}-0{int(sampled)}"


def logged(path: Path) -> list[dict[str, str]]:
    """The access log's lines for inferences."""
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in lines if line.get("method") == "Predict"]


def counted(server: Server, outcome: str) -> float:
    """Spans that ended so."""
    text = server.get("/monitoring/prometheus/metrics").body.decode()
    found = re.search(rf'seaway_trace_spans_total{{outcome="{outcome}"}} (\S+)', text)
    return float(found[1]) if found else -1.0


def assert_stages(collector: Collector, call: Seen, *names: str) -> None:
    """A call's stages must follow one another within it, in its trace."""
    stages = collector.below(call)
    assert list(stages) == list(names)
    before = call.span.start_time_unix_nano
    for stage in stages.values():
        assert stage.trace_id == call.trace_id
        assert before <= stage.span.start_time_unix_nano <= stage.span.end_time_unix_nano, stage
        before = stage.span.end_time_unix_nano
    assert before <= call.span.end_time_unix_nano


@pytest.mark.smoke
@pytest.mark.parametrize(
    "collecting", [pytest.param(over_grpc, id="over-grpc"), pytest.param(over_http, id="over-http")]
)
def test_a_call_and_its_stages_are_spans_that_hang_from_the_clients_own(
    start: Start,
    connect: Connect,
    models: Models,
    tmp_path: Path,
    collecting: Callable[[], AbstractContextManager[Collector]],
) -> None:
    log = tmp_path / "access.log"
    with collecting() as collector:
        protocol = "grpc" if collecting is over_grpc else "http/protobuf"
        server = start(
            {"two": models.path("half_plus_two")},
            f"--tracing-endpoint={collector.url}",
            f"--tracing-protocol={protocol}",
            "--tracing-service-name=shop",
            f"--access-log-path={log}",
        )
        client = connect(server)
        metadata = [("traceparent", parent(True)), ("tracestate", "a=1"), ("x-request-id", "mine")]
        request = client.predict_request("two", x=[[1.0]])
        _, call = client.prediction.Predict.with_call(request, timeout=10, metadata=metadata)
        assert dict(call.initial_metadata())["x-request-id"] == "mine"
        answer = server.post("/v1/models/two:predict", BODY)
        made = answer.headers["x-request-id"]

        calls = {seen.attributes["seaway.request_id"]: seen for seen in collector.wait_calls(2)}
        lines = {
            line["request_id"]: line for line in eventually(lambda: logged(log), lambda all: len(all) == 2, "both")
        }
        assert set(calls) == set(lines) == {"mine", made}, "probes begin no trace"
        for name, seen in calls.items():
            assert (lines[name]["trace_id"], lines[name]["span_id"]) == (seen.trace_id, seen.id)
            assert seen.span.kind == trace_pb2.Span.SPAN_KIND_SERVER
            assert seen.resource["service.name"] == "shop"
            assert_stages(collector, seen, "decode", "run", "encode")

        ours = calls["mine"]
        assert (ours.trace_id, ours.parent_id, ours.span.trace_state) == (TRACE, SPAN, "a=1")
        assert ours.name == "tensorflow.serving.PredictionService/Predict"
        expected = {
            "rpc.system": "grpc",
            "rpc.method": "Predict",
            "rpc.grpc.status_code": 0,
            "seaway.model.name": "two",
            "seaway.model.version": 123,
            "seaway.model.signature": "serving_default",
            "network.peer.address": "127.0.0.1",
        }
        assert ours.attributes.items() >= expected.items()
        root = calls[made]
        assert (root.parent_id, root.trace_id == TRACE) == ("", False)
        assert root.name == "POST /v1/models/{model}:predict"
        assert root.attributes["http.response.status_code"] == 200
        assert collector.below(root)["run"].attributes["seaway.rows"] == 2


def test_the_client_decides_first_and_then_the_ratio(
    start: Start, connect: Connect, models: Models, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    with over_grpc() as collector:
        server = start(
            {"two": models.path("half_plus_two")},
            f"--tracing-endpoint={collector.url}",
            "--tracing-protocol=grpc",
            "--tracing-sampling-ratio=0",
            f"--access-log-path={log}",
        )
        server.post("/v1/models/two:predict", BODY, x_request_id="root")
        server.post("/v1/models/two:predict", BODY, x_request_id="unsampled", traceparent=parent(False))
        server.post("/v1/models/two:predict", BODY, x_request_id="broken", traceparent="00-0-0-01")
        server.post("/v1/models/two:predict", BODY, x_request_id="sampled", traceparent=parent(True))
        (call,) = collector.wait_calls(1)
        assert call.attributes["seaway.request_id"] == "sampled"
        lines = eventually(lambda: logged(log), lambda all: len(all) == 4, "four lines")
        traces = {line["request_id"]: (line.get("trace_id"), line.get("span_id")) for line in lines}
        assert traces == {
            "root": (None, None),
            "unsampled": (TRACE, None),
            "broken": (None, None),
            "sampled": (TRACE, call.id),
        }


def test_waiting_for_company_is_a_stage_of_its_own(start: Start, models: Models) -> None:
    with over_grpc() as collector:
        server = start(
            {"two": models.path("half_plus_two")},
            f"--tracing-endpoint={collector.url}",
            "--tracing-protocol=grpc",
            "--max-batch-size=4",
            "--batch-timeout-micros=10000000",
        )
        eventually(
            lambda: server.get("/v1/models/two/batching").json["versions"][0]["signatures"],
            lambda signatures: "serving_default" in signatures,
            "it is known what may be joined",
        )
        with ThreadPoolExecutor(2) as pool:
            waiting = pool.submit(server.post, "/v1/models/two:predict", BODY)
            metrics = "/monitoring/prometheus/metrics"
            line = re.compile(rb'seaway_queue_depth_requests{model="two",version="123"} 1\b')
            eventually(lambda: server.get(metrics).body, line.search, "the first waits for company")
            answers = [server.post("/v1/models/two:predict", BODY), waiting.result()]
        assert [answer.status for answer in answers] == [200, 200]
        calls = eventually(
            lambda: [call for call in collector.calls() if call.name.endswith(":predict")],
            lambda found: len(found) == 2,
            "the spans of both come",
        )
        first, second = sorted(calls, key=lambda call: int(call.span.start_time_unix_nano))
        stages = collector.below(first)
        assert list(stages)[-3:] == ["batch", "run", "encode"]
        batch = stages["batch"].span
        joined = second.span.start_time_unix_nano
        assert batch.start_time_unix_nano <= joined <= batch.end_time_unix_nano, "it waited for the second"
        rows = [collector.below(call)["run"].attributes.get("seaway.batch.rows") for call in (first, second)]
        assert 4 in rows


def test_a_collector_that_is_down_costs_no_answer_and_is_found_again(start: Start, models: Models) -> None:
    port = free_port()
    server = start(
        {"two": models.path("half_plus_two")}, f"--tracing-endpoint=http://127.0.0.1:{port}", "--tracing-protocol=grpc"
    )
    for _ in range(3):
        assert server.post("/v1/models/two:predict", BODY).status == 200
    eventually(lambda: server.log, lambda log: "spans cannot be sent" in log, "the log says so")
    with over_grpc(port) as collector:
        collector.wait_calls(3)
        eventually(lambda: server.log, lambda log: "spans can be sent again" in log, "the log says that too")
        eventually(lambda: counted(server, "sent"), lambda count: count == len(collector.spans()), "they are counted")
    assert server.log.count("spans cannot be sent") == 1


def test_a_server_that_ends_sends_what_waits_and_does_not_wait_for_a_collector_that_is_gone(
    start: Start, models: Models
) -> None:
    with over_http() as collector:
        flags = (f"--tracing-endpoint={collector.url}", "--tracing-protocol=http/protobuf")
        server = start({"two": models.path("half_plus_two")}, *flags)
        server.post("/v1/models/two:predict", BODY)
        server.terminate()
        assert server.wait_end() == 0
        assert len(collector.calls()) == 1
    again = start({"two": models.path("half_plus_two")}, *flags)
    again.post("/v1/models/two:predict", BODY)
    again.terminate()
    assert again.wait_end() == 0


def test_opentelemetrys_own_variables_count(start: Start, models: Models, monkeypatch: pytest.MonkeyPatch) -> None:
    with over_http() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key=s%3Dcret")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "till")
        monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "xray")
        server = start({"two": models.path("half_plus_two")})
        server.post("/v1/models/two:predict", BODY)
        (call,) = collector.wait_calls(1)
        assert (call.resource["service.name"], call.resource["deployment.environment"]) == ("till", "test")
        assert collector.headers[0]["api-key"] == "s=cret"
        assert "OTEL_TRACES_SAMPLER is left out" in server.log
        assert "s=cret" not in server.log


def test_what_went_wrong_is_in_the_trace(start: Start, connect: Connect, models: Models) -> None:
    with over_grpc() as collector:
        server = start(
            {"two": models.path("half_plus_two")}, f"--tracing-endpoint={collector.url}", "--tracing-protocol=grpc"
        )
        assert failure(lambda: connect(server).predict("none", x=[1.0]))[0] == "NOT_FOUND"
        assert server.post("/v1/models/two:predict", {"instances": "odd"}).status == 400
        by_status = {call.attributes["seaway.status"]: call for call in collector.wait_calls(2)}
        assert set(by_status) == {"NOT_FOUND", "INVALID_ARGUMENT"}
        assert by_status["NOT_FOUND"].attributes["seaway.model.name"] == "none"
        assert all(not call.span.HasField("status") for call in by_status.values()), "both are the client's fault"


def test_the_run_of_an_operation_hangs_from_the_request_that_asked_for_it(
    start: Start, models: Models, tmp_path: Path
) -> None:
    log = tmp_path / "access.log"
    with over_grpc() as collector:
        server = start(
            {"two": models.path("half_plus_two")},
            f"--tracing-endpoint={collector.url}",
            "--tracing-protocol=grpc",
            f"--operations-directory={tmp_path / 'operations'}",
            f"--access-log-path={log}",
        )
        answer = server.post(
            "/v1/models/two:predict", BODY, Prefer="respond-async", traceparent=parent(True), x_request_id="later"
        )
        assert answer.status == 202
        calls = {call.name: call for call in collector.wait_calls(2)}
        asked, run = calls["POST /v1/models/{model}:predict"], calls["operation Predict"]
        assert (asked.parent_id, run.parent_id) == (SPAN, asked.id)
        assert asked.trace_id == run.trace_id == TRACE
        assert run.span.kind == trace_pb2.Span.SPAN_KIND_CONSUMER
        assert_stages(collector, run, *collector.below(run))
        assert asked.attributes["seaway.operation.id"] == run.attributes["seaway.operation.id"] == answer.json["id"]
        lines = eventually(lambda: logged(log), lambda all: len(all) == 2, "both are logged")
        assert [(line["api"], line["request_id"]) for line in lines] == [("rest", "later"), ("operation", "later")]
        assert {line["operation"] for line in lines} == {answer.json["id"]}
