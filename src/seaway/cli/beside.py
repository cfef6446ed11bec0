"""The monitor beside a server: a process of its own, which ends with the server and costs it nothing when it fails."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec

from seaway.cli.recorded import NEEDED
from seaway.settings.server import ServerSettings

log = logging.getLogger("seaway.cli")

_STOP_S = 5.0


def command(settings: ServerSettings, rest_address: str | None) -> list[str] | None:
    """Return the command of the monitor, None where there is to be none. Pure but for what is installed."""
    monitor = settings.monitor
    if not monitor.enabled or not settings.metrics.enabled or settings.follow.directory or not rest_address:
        return None
    if any(find_spec(name) is None for name in NEEDED):
        return None
    host, _, port = rest_address.rpartition(":")
    host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
    directory = ["--directory", monitor.directory] if monitor.directory else []
    watched = f"http://{host}:{port}{settings.metrics.path}"
    options = ["--listen", monitor.listen, *directory, "--until-input-ends"]
    return [sys.executable, "-m", "seaway", "monitor", watched, *options]


@contextmanager
def monitored(settings: ServerSettings, addresses: Mapping[str, str | None]) -> Iterator[None]:
    """Run a monitor for as long as the block lasts."""
    wanted = command(settings, addresses.get("rest_address"))
    if wanted is None:
        yield
        return
    # It ends when its input does, however the server went.
    with subprocess.Popen(wanted, stdin=subprocess.PIPE) as process:
        try:
            yield
        finally:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
