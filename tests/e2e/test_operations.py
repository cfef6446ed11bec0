"""Requests that are accepted now and answered later, against real servers that are killed, restarted and filled up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.models.cache import Models
from tests.support import background
from tests.support.eventually import eventually, true_soon
from tests.support.server import Answer, Server, lower_case

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]

KEY = b"a key of twenty-four bytes or more"
SECRET = "whsec_" + base64.b64encode(KEY).decode()


def later(server: Server, path: str, body: Any, **headers: str) -> Answer:
    """Ask for an answer later."""
    return server.post(path, body, Prefer="respond-async", **headers)


def accepted(server: Server, path: str, body: Any, **headers: str) -> str:
    """The operation's id."""
    answer = later(server, path, body, **headers)
    assert answer.status == 202, answer
    return str(answer.json["id"])


def operation(server: Server, name: str) -> Any:
    """What the server says about an operation; its state is `gone` when it says nothing."""
    answer = server.get(f"/v1/operations/{name}")
    return answer.json if answer.status == 200 else {"state": "gone"}


def ended(server: Server, name: str) -> Any:
    """The operation once it has ended."""
    return eventually(
        lambda: operation(server, name), lambda seen: seen["state"] not in {"pending", "running"}, f"{name} ends"
    )


def delete(server: Server, name: str) -> Answer:
    """DELETE an operation."""
    request = urllib.request.Request(f"{server.url}/v1/operations/{name}", method="DELETE")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return Answer(answer.status, lower_case(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, lower_case(error.headers), error.read())


def sleep_for(milliseconds: float) -> dict[str, Any]:
    """The body of a call that keeps `slow` busy."""
    return {"instances": [milliseconds]}


SLOW = "/v1/models/slow:predict"
HALF = "/v1/models/half:predict"


def test_every_call_is_answered_later_as_it_would_have_been_at_once(
    start: Start, models: Models, tmp_path: Path
) -> None:
    server = start({"half": models.path("half_plus_two")}, f"--operations-directory={tmp_path / 'operations'}")
    examples = {"examples": [{"x": 4.0}], "signature_name": "classify_x_to_y"}
    calls = [
        (HALF, {"instances": [1.0, 2.0, 5.0]}),
        ("/v1/models/half:classify", examples),
        ("/v1/models/half:regress", {**examples, "signature_name": "regress_x_to_y"}),
    ]
    for path, body in calls:
        at_once = server.post(path, body)
        assert at_once.status == 200, at_once
        answer = later(server, path, body)
        assert (answer.status, answer.headers["preference-applied"]) == (202, "respond-async")
        assert answer.headers["location"] == f"/v1/operations/{answer.json['id']}"
        done = ended(server, answer.json["id"])
        assert (done["state"], done["version"]) == ("done", 123)
        assert done["response"] == {"status": 200, "body": at_once.json}
    assert later(server, "/v1/models/none:predict", {"instances": [1]}).status == 404
    assert later(server, HALF, "{").status == 400


@pytest.mark.smoke
def test_operations_survive_kill_9(start: Start, models: Models, tmp_path: Path) -> None:
    flags = (f"--operations-directory={tmp_path / 'operations'}", "--operations-concurrency=1")
    served = {"slow": models.path("slow"), "half": models.path("half_plus_two")}
    server = start(served, *flags)
    done = accepted(server, HALF, {"instances": [2.0]})
    assert ended(server, done)["state"] == "done"
    running = accepted(server, SLOW, sleep_for(3000.0), Idempotency_Key="the-slow-one")
    pending = [accepted(server, HALF, {"instances": [float(number)]}) for number in range(5)]
    true_soon(lambda: operation(server, running)["state"] == "running", "the slow one runs")
    assert {operation(server, name)["state"] for name in pending} == {"pending"}
    server.process.kill()
    server.process.wait()

    again = start(served, *flags)
    assert operation(again, done)["response"]["body"] == {"predictions": [3.0]}
    assert ended(again, running)["response"]["body"] == {"predictions": [3000.0]}
    assert operation(again, running)["attempts"] == 2
    answers = [ended(again, name)["response"]["body"]["predictions"] for name in pending]
    assert answers == [[2.0], [2.5], [3.0], [3.5], [4.0]]
    assert accepted(again, SLOW, sleep_for(3000.0), Idempotency_Key="the-slow-one") == running


def test_a_second_server_on_a_store_ends_with_a_message(start: Start, models: Models, tmp_path: Path) -> None:
    flag = f"--operations-directory={tmp_path / 'operations'}"
    start({"half": models.path("half_plus_two")}, flag)
    second = start({"half": models.path("half_plus_two")}, flag, ready=False)
    assert second.wait_end() == 1
    assert "operations.redb is in use by another server" in second.log
    assert "Traceback" not in second.log


def test_keys_cancelling_and_expiry(start: Start, models: Models, tmp_path: Path) -> None:
    server = start(
        {"slow": models.path("slow")},
        f"--operations-directory={tmp_path / 'operations'}",
        "--operations-concurrency=1",
        "--operations-retention-s=2",
    )
    running = accepted(server, SLOW, sleep_for(20_000.0), Idempotency_Key="one")
    pending = accepted(server, SLOW, sleep_for(1.0))
    assert accepted(server, SLOW, sleep_for(20_000.0), Idempotency_Key="one") == running
    other = later(server, SLOW, sleep_for(2.0), Idempotency_Key="one")
    assert other.status == 422
    assert "was used for another request" in other.error
    true_soon(lambda: operation(server, running)["state"] == "running", "the first one runs")
    for name in (pending, running):
        answer = delete(server, name)
        assert (answer.status, answer.json["state"]) == (200, "cancelled")
    for name in (pending, running):
        eventually(lambda name=name: operation(server, name), lambda seen: seen["state"] == "gone", "it expires")


def test_a_full_queue_refuses_operations_and_no_synchronous_request(
    start: Start, models: Models, tmp_path: Path
) -> None:
    server = start(
        {"slow": models.path("slow")},
        f"--operations-directory={tmp_path / 'operations'}",
        "--operations-max-pending=50",
        "--operations-concurrency=1",
        "--concurrency=1",
    )
    accepted(server, SLOW, sleep_for(10_000.0))
    for _ in range(49):
        accepted(server, SLOW, sleep_for(200.0))
    full = later(server, SLOW, sleep_for(200.0))
    assert (full.status, full.headers["retry-after"]) == (429, "5")
    assert "operations.max_pending" in full.error
    assert server.post(SLOW, sleep_for(1.0)).json == {"predictions": [1.0]}
    waiting = server.get("/v1/operations?state=pending").json["operations"]
    assert len(waiting) > 25, "the synchronous request passed most of what was accepted before it"


@contextmanager
def receiver(statuses: list[int]) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A webhook's receiver: its URL and what it was sent; it answers with each status in turn, then the last again."""
    received: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((lower_case(self.headers), body))
            self.send_response(statuses[min(len(received), len(statuses)) - 1])
            self.send_header("location", "/elsewhere")
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            received.append(({"followed": self.path}, b""))
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with background.answering(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield f"{url}/hook", received


def is_signed(headers: dict[str, str], body: bytes) -> bool:
    """Whether the signature is the one of the Standard Webhooks specification."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{expected}"


def webhook_flags(tmp_path: Path, *more: str) -> tuple[str, ...]:
    """Flags of a server that sends results."""
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    return (
        f"--operations-directory={tmp_path / 'operations'}",
        "--operations-webhooks",
        f"--operations-webhook-secret-file={secret}",
        "--operations-webhook-backoff-s=0.05",
        "--operations-webhook-max-attempts=3",
        *more,
    )


def test_a_result_is_sent_signed_until_it_is_taken(start: Start, models: Models, tmp_path: Path) -> None:
    server = start(
        {"half": models.path("half_plus_two")}, *webhook_flags(tmp_path, "--operations-webhook-allow=127.0.0.0/8")
    )
    with receiver([500, 503, 204]) as (url, received):
        name = accepted(server, HALF, {"instances": [2.0]}, Webhook=url)
        true_soon(lambda: operation(server, name)["webhook"]["state"] == "delivered", "the result is taken")
        assert len(received) == 3
        for headers, body in received:
            assert is_signed(headers, body)
            assert headers["webhook-id"] == f"op_{name}"
            sent = json.loads(body)
            assert (sent["id"], sent["response"]["body"]) == (name, {"predictions": [3.0]})
    with receiver([302]) as (url, received):
        name = accepted(server, HALF, {"instances": [2.0]}, Webhook=url)
        true_soon(lambda: operation(server, name)["webhook"]["state"] == "failed", "the redirects are given up")
        assert "redirects are not followed" in operation(server, name)["webhook"]["error"]
        assert [headers.get("followed") for headers, _ in received] == [None] * 3


def test_a_delivery_goes_on_after_kill_9(start: Start, models: Models, tmp_path: Path) -> None:
    flags = webhook_flags(tmp_path, "--operations-webhook-allow=127.0.0.1", "--operations-webhook-backoff-s=2")
    served = {"half": models.path("half_plus_two")}
    server = start(served, *flags)
    with receiver([500, 200]) as (url, received):
        name = accepted(server, HALF, {"instances": [2.0]}, Webhook=url)
        true_soon(lambda: operation(server, name)["webhook"]["attempts"] == 1, "the first try has failed")
        server.process.kill()
        server.process.wait()
        again = start(served, *flags)
        true_soon(lambda: operation(again, name)["webhook"]["state"] == "delivered", "the result is taken")
        assert operation(again, name)["webhook"]["attempts"] == 2
        assert len(received) == 2


def test_loopback_is_refused_unless_it_is_allowed(start: Start, models: Models, tmp_path: Path) -> None:
    server = start({"half": models.path("half_plus_two")}, *webhook_flags(tmp_path))
    with receiver([200]) as (url, received):
        refused = later(server, HALF, {"instances": [2.0]}, Webhook=url)
        assert refused.status == 403
        assert "loopback" in refused.error
        name = accepted(server, HALF, {"instances": [2.0]}, Webhook=url.replace("127.0.0.1", "localhost"))
        true_soon(lambda: operation(server, name)["webhook"]["state"] == "failed", "the name is looked up and refused")
        assert "loopback" in operation(server, name)["webhook"]["error"]
        assert received == []


def test_an_operation_whose_worker_dies_each_time_is_given_up(start: Start, models: Models, tmp_path: Path) -> None:
    server = start(
        {"slow": models.path("slow")},
        f"--operations-directory={tmp_path / 'operations'}",
        "--operations-max-attempts=2",
        "--restart-backoff-s=0.05",
    )
    name = accepted(server, SLOW, sleep_for(60_000.0))
    for attempt in (1, 2):
        true_soon(
            lambda attempt=attempt: (
                (seen := operation(server, name))["state"] == "running" and seen["attempts"] == attempt
            ),
            f"attempt {attempt} runs",
        )
        server.wait_state("slow", 1)
        psutil.Process(server.worker_pid("slow", 1)).kill()
        true_soon(
            lambda attempt=attempt: (
                (seen := operation(server, name))["state"] != "running" or seen["attempts"] != attempt
            ),
            f"attempt {attempt} has ended",
        )
    failed = operation(server, name)
    assert (failed["state"], failed["response"]["status"]) == ("failed", 503)
    assert failed["error"]["message"].startswith("gave up after 2 attempts")
