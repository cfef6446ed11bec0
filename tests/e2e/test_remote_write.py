"""`seaway monitor --remote-write` to a real Prometheus: it says what the monitor says, also of when it was away."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.support.artifacts import emptied
from tests.support.clients import Client, Load
from tests.support.eventually import eventually, true_soon
from tests.support.monitoring import PROMETHEUS, Monitoring, roots
from tests.support.ports import free_port
from tests.support.server import Server, http

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not PROMETHEUS.exists(), reason="Prometheus is not installed: apt install prometheus"),
]


class Prometheus:
    """A real one that scrapes nothing and takes what is written to it; it may go away and come back."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (directory / "prometheus.yml").write_text("scrape_configs: []\n")
        self.start()

    def start(self) -> None:
        """Start it, on what it has kept."""
        command = [str(PROMETHEUS), f"--config.file={self.directory / 'prometheus.yml'}"]
        command += [f"--storage.tsdb.path={self.directory / 'data'}", f"--web.listen-address=127.0.0.1:{self.port}"]
        command += ["--web.enable-remote-write-receiver"]
        with (self.directory / "prometheus.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=dict(os.environ))
        true_soon(lambda: _is_there(self.url), "Prometheus is ready")

    def stop(self) -> None:
        """End it and wait for its end."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)

    def ask(self, question: str) -> dict[str, float]:
        """The answers by the labels' values, in the order of the labels' names."""
        data = http(f"{self.url}/api/v1/query?{urlencode({'query': question})}").json["data"]
        return {
            ",".join(value for _, value in sorted(each["metric"].items())): float(each["value"][1])
            for each in data["result"]
        }


def _is_there(url: str) -> bool:
    try:
        return http(f"{url}/-/ready").status == 200
    except OSError:
        return False


class World:
    """A server under load, a monitor of it, and the Prometheus that it writes to."""

    def __init__(self, server: Server, prometheus: Prometheus, monitoring: Monitoring) -> None:
        self.server, self.prometheus, self.monitoring = server, prometheus, monitoring
        self.of_it = f'{{instance="{server.rest_address}",job="seaway"}}'

    def both(self, question: str) -> tuple[float, float]:
        """The one number that the monitor and that Prometheus answer; not-a-number before there is one."""
        found = [asked(question) for asked in (self.monitoring.ask, self.prometheus.ask)]
        ours, theirs = (next(iter(each.values()), float("nan")) for each in found)
        return ours, theirs


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    directory = emptied(f"test_remote_write/{request.node.name}")
    with ExitStack() as stack:
        server = roots(directory / "server", tmp_path, 0.005, stack)
        prometheus = Prometheus(tmp_path)
        stack.callback(prometheus.stop)
        server.wait_ready()
        options = [server.rest_address, "127.0.0.1:1", "--remote-write", f"{prometheus.url}/api/v1/write", "--no-page"]
        monitoring = Monitoring(tmp_path, *options)
        stack.callback(monitoring.stop)
        yield World(server, prometheus, monitoring)


def load(world: World, stack: ExitStack) -> Load:
    client = stack.enter_context(Client(world.server.grpc_address))
    return stack.enter_context(Load(lambda: client.predict("roots", x=[4.0]).outputs["y"].float_val[0], threads=1))


def test_the_receiver_says_what_the_monitor_says(world: World) -> None:
    of_it = world.of_it
    rate = f"sum(rate(seaway_requests_total{of_it}[20s]))"
    quantiles = [
        f"histogram_quantile({share}, sum by (le) (rate(seaway_request_seconds_bucket{of_it}[20s])))"
        for share in (0.5, 0.9)
    ]
    mean = f"sum(rate(seaway_request_seconds_sum{of_it}[20s])) / sum(rate(seaway_request_seconds_count{of_it}[20s]))"
    with ExitStack() as stack:
        load(world, stack)
        looked = f"count_over_time(up{of_it}[25s])"
        eventually(lambda: world.both(looked)[1], lambda found: found >= 23, "it has looks enough", limit_s=60)
        # Prometheus extrapolates to the window's edges; and it estimates a quantile on a straight line within a bucket.
        for question in (rate, *quantiles, mean):
            within = 0.2 if "quantile" in question else 0.15
            ours, theirs = eventually(
                lambda question=question: world.both(question),
                lambda both, within=within: both[0] == pytest.approx(both[1], rel=within),
                f"both say the same to {question}",
            )
            print(f"{ours:.6g} {theirs:.6g} {question}")
    ups = world.prometheus.ask("max by (instance) (up)")
    assert ups == {"127.0.0.1:1": 0.0, world.server.rest_address: 1.0}
    assert world.prometheus.ask('count({__name__=~"host_.*|monitor_.*",job="seaway-monitor"})')[""] >= 8


def test_a_receiver_that_was_away_gets_everything_of_that_time(world: World) -> None:
    total = f"sum(seaway_requests_total{world.of_it})"
    looks = f"count_over_time(up{world.of_it}[2m])"
    with ExitStack() as stack:
        calls = load(world, stack)
        eventually(lambda: world.both(looks)[1], lambda found: found >= 5, "it gets what is read", limit_s=60)
        world.prometheus.stop()
        pending = "monitor_remote_write_pending_samples"
        eventually(
            lambda: sum(world.monitoring.ask(pending).values()),
            lambda found: found > 1000,
            "what is read meanwhile waits",
            limit_s=60,
        )
        assert calls.failures == []
        world.prometheus.start()
        eventually(
            lambda: sum(world.monitoring.ask(pending).values()), lambda found: found < 500, "it is sent", limit_s=60
        )
    assert calls.failures == []
    served = eventually(
        lambda: world.prometheus.ask(total).get("", 0.0), lambda found: found == _served(world), "the total is there"
    )
    ours, theirs = world.both(looks)
    print(f"{theirs:g} of {ours:g} looks, {served:g} requests")
    assert abs(ours - theirs) <= 2  # The newest look may be on its way.
    # No second without a look: nothing of the time in which it was away is missing.
    gaps = world.prometheus.ask(f"max_over_time((time() - timestamp(up{world.of_it}))[1m:1s])")
    assert max(gaps.values()) < 3
    outcomes = world.monitoring.ask("sum by (outcome) (increase(monitor_remote_write_samples_total[5m]))")
    assert outcomes["sent"] > 1000
    assert outcomes["failed"] > 0
    assert outcomes.get("dropped", 0.0) == 0.0
    log = world.monitoring.log.read_text()
    assert len(re.findall(r"remote write to .* is tried again", log)) == 1
    assert len(re.findall(r"remote write to .* works again", log)) == 1


def _served(world: World) -> float:
    text = http(f"http://{world.server.rest_address}/monitoring/prometheus/metrics").body.decode()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith("seaway_requests_total{"))


@pytest.mark.smoke
def test_what_ends_is_told(world: World) -> None:
    series = f"count(seaway_model_load_seconds{world.of_it} or seaway_engine_info{world.of_it})"
    eventually(lambda: world.prometheus.ask(series).get("", 0.0), lambda found: found >= 1, "its series are there")
    world.server.clean_up()
    # Without word of it Prometheus would go on with the last values for five minutes.
    eventually(lambda: world.prometheus.ask(series), lambda found: found == {}, "its series have ended", limit_s=30)
    assert world.prometheus.ask(f"up{world.of_it}")[f"up,{world.server.rest_address},seaway"] == 0.0
