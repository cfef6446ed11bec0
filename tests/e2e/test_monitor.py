"""`seaway monitor` beside real servers under load: what it shows is what happened, and whoever is to know is told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.models.cache import Models
from tests.support import background
from tests.support.artifacts import emptied
from tests.support.clients import Client, Load
from tests.support.eventually import eventually, true_soon
from tests.support.monitoring import METRICS, PROMETHEUS, Monitoring, roots
from tests.support.ports import free_port
from tests.support.server import Server, clean_environment, http

SLOW_S = 0.05
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

RULES = """\
groups:
  - name: objective
    rules:
      - alert: Burning
        expr: >
          sum by (model) (rate(seaway_requests_total{code!="OK"}[15s]))
          / sum by (model) (rate(seaway_requests_total[15s])) > 0.05
          and sum by (model) (rate(seaway_requests_total{code!="OK"}[5s]))
          / sum by (model) (rate(seaway_requests_total[5s])) > 0.05
        keep_firing_for: 2s
        labels: {severity: page}
        annotations: {summary: "{{ $labels.model }} fails {{ $value | humanizePercentage }}"}
"""


class Hook:
    """A webhook's receiver on loopback."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self.end = background.answer(self.server)

    def states(self) -> list[str]:
        """The states that were told, in order."""
        return [notice["state"] for message in self.got for notice in message["notices"]]


class World:
    """Two servers of one model, one of them slowed down, and a monitor of both."""

    def __init__(self, directory: Path, quick: Server, slow: Server, hook: Hook) -> None:
        self.directory, self.quick, self.slow, self.hook = directory, quick, slow, hook
        (directory / "rules.yml").write_text(RULES)
        (directory / "hook").write_text(f"webhook+{hook.url}")
        self.monitoring = self.started()

    def started(self) -> Monitoring:
        """Start the monitor."""
        servers = [self.quick.rest_address, self.slow.rest_address]
        options = ["--rules", str(self.directory / "rules.yml"), "--notify", f"team={self.directory / 'hook'}"]
        return Monitoring(self.directory, *servers, *options, "--no-page")

    def end(self) -> None:
        """End the monitor that runs by now."""
        self.monitoring.stop()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = emptied("test_monitor")
    with ExitStack() as stack:
        servers = []
        for name, pause in (("quick", 0.001), ("slow", SLOW_S)):
            servers.append(roots(directory / name, tmp_path_factory.mktemp(name), pause, stack))
        for server in servers:
            server.wait_ready()
        hook = Hook()
        stack.callback(hook.end)
        world = World(directory, *servers, hook)
        stack.callback(world.end)
        yield world


def calls(server: Server, value: float, stack: ExitStack) -> Callable[[], object]:
    client = stack.enter_context(Client(server.grpc_address))
    return lambda: client.predict("roots", x=[value]).outputs["y"].float_val[0]


def answered(server: Server) -> int:
    """How many requests a server says that it has answered well."""
    found = re.findall(r'^seaway_requests_total\{.*code="OK".*\} (\d+)$', page(server), re.MULTILINE)
    return sum(map(int, found))


def all_requests(server: Server) -> int:
    """How many requests a server says that it has answered in any way."""
    found = re.findall(r"^seaway_requests_total\{.*\} (\d+)$", page(server), re.MULTILINE)
    return sum(map(int, found))


def buckets(server: Server) -> dict[str, float]:
    """How many requests a server says that it has answered within so many seconds, by the bound."""
    found = re.findall(r'^seaway_request_seconds_bucket\{.*le="(.*?)".*\} (\d+)$', page(server), re.MULTILINE)
    return {shown(bound): float(count) for bound, count in found}


def shown(bound: str) -> str:
    """A bound with as many digits as Prometheus shows of it."""
    return f"{float(bound):.12g}"


def page(server: Server) -> str:
    return server.get(METRICS).body.decode()


def test_it_shows_which_server_is_slow_and_where_the_time_goes(world: World) -> None:
    with ExitStack() as stack:
        loads = [
            stack.enter_context(Load(calls(server, 4.0, stack), threads=1)) for server in (world.quick, world.slow)
        ]
        rate = "sum by (instance) (rate(seaway_requests_total[5s]))"
        eventually(
            lambda: world.monitoring.ask(rate),
            lambda found: len(found) == 2 and min(found.values()) > 0,
            "both are seen",
        )
        # So many of the slow server's requests that its buckets tell.
        true_soon(lambda: loads[1].calls > 150, "there are enough requests", limit_s=60)
        p50 = world.monitoring.ask(
            "histogram_quantile(0.5, sum by (le, instance) (rate(seaway_request_seconds_bucket[10s])))"
        )
        stages = world.monitoring.ask(
            f'sum by (stage) (rate(seaway_request_stage_seconds_sum{{instance="{world.slow.rest_address}"}}[10s]))'
        )
    # A median may lie anywhere in its bucket, of which there are two for every doubling.
    assert p50[world.slow.rest_address] * 2**0.5 >= SLOW_S
    assert p50[world.quick.rest_address] < p50[world.slow.rest_address]
    assert max(stages, key=lambda stage: stages[stage]) == "run"


def test_counts_and_quantiles_are_the_clients_own(world: World) -> None:
    took: list[float] = []
    before, buckets_before = answered(world.slow), buckets(world.slow)
    with ExitStack() as stack:
        call = calls(world.slow, 4.0, stack)
        for _ in range(100):
            begun = time.perf_counter()
            call()
            took.append(time.perf_counter() - begun)
    total = f'sum(increase(seaway_requests_total{{instance="{world.slow.rest_address}"}}[1h]))'
    eventually(lambda: world.monitoring.ask(total)[""], lambda found: found == before + 100, "all are counted")

    of_slow = f'seaway_request_seconds_bucket{{instance="{world.slow.rest_address}"}}[1h]'
    kept = world.monitoring.ask(f"sum by (le) (increase({of_slow}))")
    told = buckets(world.slow)
    assert {shown(bound): count for bound, count in kept.items()} == told
    new = {bound: count - buckets_before.get(bound, 0.0) for bound, count in told.items()}
    for share in (0.5, 0.9):
        lower, upper = around(told, share)
        found = world.monitoring.ask(f"histogram_quantile({share}, sum by (le) (rate({of_slow})))")[""]
        assert lower <= found <= upper
        # No request is shorter for its client than it is for the server.
        assert around(new, share)[0] <= sorted(took)[int(share * 100) - 1]
        assert upper >= SLOW_S


def around(within: dict[str, float], share: float) -> tuple[float, float]:
    """The bounds of the bucket in which that share of the requests is reached."""
    bounds = sorted(within, key=float)
    at = next(at for at, bound in enumerate(bounds) if within[bound] >= share * within["inf"])
    return float(bounds[at - 1]) if at else 0.0, float(bounds[at])


@pytest.mark.smoke
def test_errors_fire_an_alert_that_is_told_and_resolved(world: World) -> None:
    with ExitStack() as stack:
        before = world.hook.states()
        good, bad = calls(world.quick, 4.0, stack), calls(world.quick, -4.0, stack)
        with Load(good, threads=1):
            with Load(bad, threads=1):
                begun = time.monotonic()
                true_soon(lambda: "firing" in world.monitoring.alerts(), "the alert fires", limit_s=60)
                print(f"an alert fired {time.monotonic() - begun:.1f} s after the first error")
            true_soon(lambda: world.monitoring.alerts() == [], "the alert is resolved", limit_s=60)
    true_soon(lambda: world.hook.states() == [*before, "firing", "resolved"], "both were told")
    first = next(message for message in reversed(world.hook.got) if message["notices"][0]["state"] == "firing")
    assert first["notices"][0]["summary"].startswith("roots fails ")


def test_a_restart_loses_nothing_but_its_own_downtime(world: World) -> None:
    total, told = "sum(increase(seaway_requests_total[1h]))", world.hook.states()
    with ExitStack() as stack:
        call = calls(world.quick, 4.0, stack)
        for _ in range(50):
            call()
        served = sum(map(all_requests, (world.quick, world.slow)))
        first = eventually(lambda: world.monitoring.ask(total)[""], lambda found: found == served, "they are kept")
        world.monitoring.stop(signal.SIGKILL)
        world.monitoring = world.started()
        assert world.monitoring.ask(total)[""] >= first
        for _ in range(30):
            call()
        second = eventually(lambda: world.monitoring.ask(total)[""], lambda found: found >= first + 30, "it goes on")
    assert second == first + 30
    assert world.hook.states() == told, "nobody is told a second time"


def test_what_is_kept_can_be_asked_from_the_command_line(world: World) -> None:
    command = [str(Path(sys.executable).with_name("seaway")), "query", "--json", "--directory"]
    command += [str(world.directory / "history"), "up"]
    rows = "count by (instance) (up)"
    true_soon(lambda: len(world.monitoring.ask(rows)) == 2, "both were looked at")
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment())
    found = {each["metric"]["instance"]: each["values"][-1][1] for each in json.loads(ran.stdout)}
    assert found == {world.quick.rest_address: 1.0, world.slow.rest_address: 1.0}


@pytest.fixture(scope="module")
def prometheus(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that scrapes the slow server, and an address where nobody is."""
    if not PROMETHEUS.exists():
        pytest.skip("Prometheus is not installed: apt install prometheus")
    directory = tmp_path_factory.mktemp("prometheus")
    port = free_port()
    (directory / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: seaway\n"
        f"    metrics_path: {METRICS}\n"
        f"    static_configs: [{{targets: ['{world.slow.rest_address}', '127.0.0.1:1']}}]\n"
    )
    command = [str(PROMETHEUS), f"--config.file={directory / 'prometheus.yml'}"]
    command += [f"--storage.tsdb.path={directory / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait(20)


def asked(url: str, question: str) -> float:
    try:
        found = http(f"{url}/api/v1/query?{urlencode({'query': question})}").json["data"]["result"]
    except OSError:
        return 0.0
    return float(found[0]["value"][1]) if found else 0.0


def test_prometheus_beside_it_says_the_same(world: World, prometheus: str) -> None:
    slow = f'{{instance="{world.slow.rest_address}"}}'
    rate = f"sum(rate(seaway_requests_total{slow}[20s]))"
    quantile = f"histogram_quantile(0.9, sum by (le) (rate(seaway_request_seconds_bucket{slow}[20s])))"
    with ExitStack() as stack:
        stack.enter_context(Load(calls(world.slow, 4.0, stack), threads=1))
        looked = f"count_over_time(up{slow}[30s])"
        eventually(lambda: asked(prometheus, looked), lambda found: found >= 24, "Prometheus looked", limit_s=60)
        # Prometheus extrapolates to the window's edges; and it estimates a quantile on a straight line in the bucket.
        for question, within in ((rate, 0.15), (quantile, 0.2)):
            eventually(
                lambda question=question: (world.monitoring.ask(question)[""], asked(prometheus, question)),
                lambda both, within=within: both[0] == pytest.approx(both[1], rel=within),
                f"both say the same to {question}",
            )


def test_prometheus_may_answer_in_its_place(world: World, prometheus: str, tmp_path: Path) -> None:
    monitoring = Monitoring(tmp_path, "--prometheus", prometheus)
    url = f"http://127.0.0.1:{monitoring.port}"
    try:
        eventually(
            lambda: monitoring.ask("up"),
            lambda found: sorted(found.values()) == [0.0, 1.0],
            "it says what Prometheus knows",
        )
        with ExitStack() as stack:
            calls(world.slow, 4.0, stack)()
        # The bare name of a counter is a question that only Prometheus answers.
        total = f'sum(seaway_requests_total{{instance="{world.slow.rest_address}"}})'
        served = answered(world.slow)
        eventually(lambda: monitoring.ask(total)[""], lambda found: found == served, "it knows the total")
        start = time.time() - 60
        query = urlencode({"query": "up", "start": start, "end": start + 60, "step": "5s"})
        lines = http(f"{url}/api/v1/query_range?{query}").json["data"]["result"]
        assert {each["metric"]["instance"] for each in lines} == {world.slow.rest_address, "127.0.0.1:1"}
        assert _health(url) == ["down", "up"]
        assert http(f"{url}/api/v1/query?query=rate(").json["errorType"] == "bad_data"
        for page in ("/", "/model/roots", "/servers", "/alerts"):
            assert http(url + page).status == 200
        eventually(monitoring.alerts, lambda found: found == ["pending"], "a rule holds there too")
    finally:
        monitoring.stop()


def test_a_server_brings_a_monitor_along_and_takes_it_with_it(tmp_path: Path, models: Models) -> None:
    port = free_port()
    options = ["--monitor", f"--monitor-listen=127.0.0.1:{port}", f"--monitor-directory={tmp_path / 'history'}"]
    server = Server(tmp_path / "server", "serve", str(models.path("adder")), *options)
    try:
        server.wait_ready()
        url = f"http://127.0.0.1:{port}"
        eventually(lambda: _health(url), lambda found: found == ["up"], "the monitor sees its server", limit_s=60)
        assert http(url + "/").status == 200
    finally:
        # However a server goes, its monitor goes too.
        server.process.kill()
        server.clean_up()
    true_soon(lambda: _health(url) is None, "the monitor has ended", limit_s=20)


def _health(url: str) -> list[str] | None:
    try:
        return [each["health"] for each in http(url + "/api/v1/targets").json["data"]["activeTargets"]]
    except OSError:
        return None
