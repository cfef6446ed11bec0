"""What a server holds in memory at rest, and what many hot swaps of a large model leave behind.

A version's memory ends with its worker process, so that the second number must be the first one again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import load, processes, table
from bench.lines import Line
from bench.load import Load
from bench.models import HALF_PLUS_TWO, LARGE, MNIST_CNN, Store, Subject, as_named
from bench.processes import Member
from bench.serving import Told
from tests.support.server import Server, config_text

SWAPS = 10
SWAP_LIMIT_S = 60.0
# Processor-quiet moment before memory is read: allocators give pages back a little later.
REST_S = 2.0


def measure(directory: Path, flags: Sequence[str], told: Told) -> dict[str, Any]:
    """Measure both, and return everything."""
    store = Store(directory / "store")
    subjects = (HALF_PLUS_TWO, MNIST_CNN, LARGE)
    for subject in subjects:
        store.add(subject.name, subject, 1)
    config = directory / "config.cfg"
    config.write_text(config_text({subject.name: store.base_path(subject.name) for subject in subjects}))
    server = Server(directory, "serve", f"--config={config}", "--settle-seconds=0", *flags)
    try:
        server.wait_ready()
        for subject in subjects:
            _ask(server, subject)
        before = _at_rest(server)
        told(f"memory over {SWAPS} hot swaps of {LARGE.name}")
        begin = time.monotonic()
        for version in range(2, SWAPS + 2):
            store.add(LARGE.name, LARGE, version)
            server.wait_state(LARGE.name, version, "AVAILABLE", SWAP_LIMIT_S)
            server.wait_state(LARGE.name, version - 1, "END", SWAP_LIMIT_S)
            store.remove(LARGE.name, version - 1)
        swaps_s = time.monotonic() - begin
        _ask(server, LARGE)
        after = _at_rest(server)
    finally:
        server.clean_up()
    return {"swaps": SWAPS, "swaps_s": swaps_s, "before": _plain(before), "after": _plain(after)}


def lines(measured: dict[str, Any]) -> Iterator[Line]:
    """The lines of the table: resident memory over all processes."""
    before, after = (measured[when]["all"]["rss_bytes"] for when in ("before", "after"))
    sizes = f"{table.mebibytes(before)} → {table.mebibytes(after)}"
    each = f"{measured['swaps_s'] / measured['swaps']:.1f} s each"
    yield Line(f"memory over {measured['swaps']} hot swaps of {LARGE.name}", measured=sizes, spread=each)


def _ask(server: Server, subject: Subject) -> None:
    load.run(Load("grpc", server.grpc_address, as_named(server, subject), seconds=1.0, warm_up=0.0))


def _at_rest(server: Server) -> list[Member]:
    time.sleep(REST_S)
    workers = {
        int(held["worker_pid"]): f"worker {model}/{version}"
        for model, versions in server.listing().items()
        for version, held in versions.items()
        if held.get("worker_pid")
    }
    return processes.members(server.process.pid, workers)


def _plain(members: list[Member]) -> dict[str, Any]:
    return {"processes": [asdict(member) for member in members], "all": asdict(processes.total(members))}
