"""The monitor that `seaway serve` starts beside itself."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.settings.declaration import setting


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor of this server in a process of its own, where the extra `monitor` is installed; docs/monitor.md."""

    enabled: bool = setting(
        True,
        "Start a monitor beside the server, unless it follows a deployment.",
        flag="--monitor",
    )
    listen: str = setting(
        "127.0.0.1:8502",
        "Where the monitor's page and HTTP API are.",
        flag="--monitor-listen",
        pattern=r"\S+:\d{1,5}",
        expects="ADDRESS:PORT",
    )
    directory: str = setting(
        "",
        "Where the monitor keeps what it sees. Empty means SEAWAY_MONITOR_DIRECTORY, or ~/.local/state/seaway/monitor.",
        flag="--monitor-directory",
    )
