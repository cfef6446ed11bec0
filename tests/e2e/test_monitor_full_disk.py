"""A disk without room under the monitor: only history stops, and it goes on when there is room again."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.artifacts import emptied
from tests.support.clients import Client, Load
from tests.support.eventually import eventually, true_soon
from tests.support.monitoring import METRICS, Monitoring, roots
from tests.support.server import Server, http

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small disk needs root"),
]

SIZE = "4m"
STOPPED = "nothing is kept until there is room again"
ALERT = "SeawayMonitorHistoryStopped"
PAGES = ("/", "/model/roots", "/compare", "/servers", "/alerts", "/login")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, in memory, under the monitor's directory."""
    disk = tmp_path / "history"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room that is left."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as err:
                assert err.errno == errno.ENOSPC
    return filler


def counted(server: Server) -> float:
    lines = server.get(METRICS).body.decode().splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("seaway_requests_total{"))


def said(url: str, path: str) -> bool:
    """Whether a page says that history stopped."""
    answer = http(url + path)
    assert answer.status == 200
    return b"History stopped: " in answer.body


def test_a_full_disk_stops_history_and_nothing_else(small_disk: Path, tmp_path: Path) -> None:
    directory = emptied("test_monitor_full_disk")
    with ExitStack() as stack:
        server = roots(directory / "server", tmp_path, 0.002, stack)
        server.wait_ready()
        monitoring = Monitoring(tmp_path, server.rest_address)
        stack.callback(monitoring.stop)
        client = stack.enter_context(Client(server.grpc_address))
        load = stack.enter_context(Load(lambda: client.predict("roots", x=[4.0]).outputs["y"].float_val[0], threads=2))
        looks = "count_over_time(up[10m])"
        eventually(lambda: sum(monitoring.ask(looks).values()), lambda found: found >= 5, "looks are kept")

        filler = fill(small_disk)
        true_soon(lambda: STOPPED in monitoring.log.read_text(), "the monitor says that history stops", limit_s=60)
        kept, before = sum(monitoring.ask(looks).values()), load.calls
        # It looks on, and answers with what it has.
        true_soon(lambda: load.calls > before + 500, "requests are answered", limit_s=60)
        url = f"http://127.0.0.1:{monitoring.port}"
        assert [said(url, path) for path in PAGES] == [True] * len(PAGES)
        (alert,) = http(f"{url}/api/v1/alerts").json["data"]["alerts"]
        assert (alert["labels"]["alertname"], alert["state"]) == (ALERT, "firing")
        assert f"History stopped: {small_disk / 'monitor.db'} cannot be written" in alert["annotations"]["summary"]
        assert [each["health"] for each in http(url + "/api/v1/targets").json["data"]["activeTargets"]] == ["up"]
        assert sum(monitoring.ask(looks).values()) == kept
        assert monitoring.process.poll() is None

        filler.unlink()
        eventually(lambda: sum(monitoring.ask(looks).values()), lambda found: found >= kept + 5, "looks are kept again")
        lost = monitoring.ask("monitor_samples_lost")
        assert lost[next(iter(lost))] > 0
        true_soon(lambda: not any(said(url, path) for path in PAGES), "the pages say it no more", limit_s=60)
        assert monitoring.alerts() == []
        assert list(monitoring.ask("max_over_time(monitor_history_stopped[10m])").values()) == [1.0]
        assert "store works again" in monitoring.log.read_text()
        assert len(re.findall(STOPPED, monitoring.log.read_text())) == 1
    assert load.failures == []
    assert load.calls > 1000
    print(f"{load.calls} calls, none failed; {kept:g} looks before the disk was full")
