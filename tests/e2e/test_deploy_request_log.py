"""A deployment's request log: switched on and off by a decision, without loading anything, read where it lies."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from seaway.request_log.reading import read_entries
from tests.support.artifacts import ARTIFACTS, FAILED
from tests.support.clients import Client, Load
from tests.support.deployed import Deployed
from tests.support.eventually import eventually, true_soon
from tests.support.store import Store

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

DESCRIPTION = """\
project: logged
store: {store}
monitor: false
models:
  two: {{path: half_plus_two{log}}}
server:
  replicas: 2
  ports: PORTS
  start_timeout_s: 60
  settings:
    engine: {{engine: tensorflow}}
    request_log: {{format: jsonl, max_file_age_s: 0.3}}
"""


@pytest.fixture
def deployed(request: pytest.FixtureRequest, store: Store) -> Iterator[Deployed]:
    """A deployment without a log, up."""
    directory = ARTIFACTS / re.sub(r"[^\w.-]+", "_", request.node.name)
    shutil.rmtree(directory, ignore_errors=True)
    store.add("half_plus_two", 1, "half_plus_two")
    found = Deployed(directory, DESCRIPTION.format(store=store.root, log=""))
    found.run("deploy", "--yes").ok()
    yield found
    found.clean_up()
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(directory, ignore_errors=True)


def serving() -> set[int]:
    """Processes of servers and workers of this deployment."""
    found = set()
    for process in psutil.process_iter(["cmdline", "environ"]):
        if (process.info["environ"] or {}).get("SEAWAY_REPLICA_NAME", "").startswith("logged-"):
            found.add(process.pid)
    return found


def test_a_log_is_switched_on_and_off_in_running_replicas(deployed: Deployed, store: Store) -> None:
    logs = store.root / ".seaway" / "logged" / "request-logs"
    before = serving()
    assert before
    with Client(deployed.grpc_address) as client:

        def ask() -> float:
            return float(client.arrays("two", x=[[2.0]])["y"][0][0])

        with Load(ask) as load:
            deployed.describe(DESCRIPTION.format(store=store.root, log=", log: {sampling_rate: 1}"))
            assert any("log none → 1 to two" in line for line in plan_with_causes(deployed)), plan_with_causes(deployed)
            deployed.run("deploy", "--yes").ok()
            assert deployed.plan() == []
            eventually(lambda: writers(logs), lambda found: len(found) == 2, "both replicas have written")
            deployed.describe(DESCRIPTION.format(store=store.root, log=""))
            deployed.run("deploy", "--yes").ok()
        assert not load.failures
        assert set(load.answered) == {3.0}
    assert serving() == before, "nothing was started or loaded again"
    true_soon(lambda: not list(logs.glob(".*")) and not list(logs.glob("*.tfrecord")), "the last files are complete")
    files = sorted(logs.glob("two-*.jsonl"))
    entries = list(read_entries([str(logs / "two-*.jsonl")]))
    assert 0 < len(entries) <= load.calls
    assert {(each.model, each.version, each.sampling_rate) for each in entries} == {("two", 1, 1.0)}
    with Client(deployed.grpc_address) as client:
        client.arrays("two", x=[[2.0]])
    assert sorted(logs.glob("*two-*")) == files


def plan_with_causes(deployed: Deployed) -> list[str]:
    """The plan as a person sees it."""
    return deployed.run("plan").ok().out.splitlines()


def writers(logs: Path) -> set[str]:
    """The processes that files are named after."""
    return {path.name.split("-")[2] for path in logs.glob("two-*.jsonl")}
