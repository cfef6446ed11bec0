"""What clients of one model notice while another, large one is loaded on the same processors.

The load is open loop: requests fall due at a fixed rate and their latency counts from that moment, so that a server
that stops answering for a while is charged for every request of that while.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import load, table
from bench.lines import Line
from bench.load import Load, Report, Running
from bench.models import HALF_PLUS_TWO, LARGE, Store
from bench.serving import Told
from tests.support.server import Server, config_text

RATE = 200.0
QUIET_S = 6.0
LOADS = 4
# Ended by a signal when the loads are done; this only bounds it.
AT_MOST_S = 120.0
LOAD_LIMIT_S = 60.0
BYSTANDER = HALF_PLUS_TWO


def measure(directory: Path, flags: Sequence[str], told: Told) -> dict[str, Any]:
    """Measure the bystander's latency quiet and while the large model is loaded."""
    store = Store(directory / "store")
    for subject in (BYSTANDER, LARGE):
        store.add(subject.name, subject, 1)
    config = directory / "config.cfg"
    config.write_text(config_text({subject.name: store.base_path(subject.name) for subject in (BYSTANDER, LARGE)}))
    server = Server(directory, "serve", f"--config={config}", "--settle-seconds=0", *flags)
    try:
        server.wait_ready()
        told(f"{BYSTANDER.name} while {LARGE.name} is loaded")
        quiet = load.run(_steady(server, QUIET_S))
        busy = _while_loading(server, store)
    finally:
        server.clean_up()
    return {"rate": RATE, "loads": LOADS, "quiet": quiet, "loading": busy}


def lines(measured: dict[str, Any]) -> Iterator[Line]:
    """The lines of the table."""
    for name, report in (("quiet", measured["quiet"]), (f"while {LARGE.name} loads", measured["loading"])):
        took = report["latency_micros"]
        title = f"{BYSTANDER.name} at {measured['rate']:g}/s, {name}: p50"
        failed = f" ({report['failed']} failed)" if report["failed"] else ""
        yield Line(title + failed, measured=table.micros(took["p50"]), p99=table.micros(took["p99"]))


def _steady(server: Server, seconds: float) -> Load:
    return Load("grpc", server.grpc_address, BYSTANDER, streams=64, seconds=seconds, rate=RATE)


def _while_loading(server: Server, store: Store) -> Report:
    with Running(_steady(server, AT_MOST_S)) as running:
        running.wait_measuring()
        for version in range(2, LOADS + 2):
            store.add(LARGE.name, LARGE, version)
            server.wait_state(LARGE.name, version, "AVAILABLE", LOAD_LIMIT_S)
        return running.stop()
