"""Gauges of the machine that the monitor runs on, and of the monitor itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import psutil

from seaway.monitor.point import Kind, Point, Sample, Series


class Host:
    """Looks at processor, memory, disk and network; each look is about the time since the one before."""

    def __init__(self, name: str, data: Path) -> None:
        """Begin to count."""
        self._name = name
        self._data = data
        self._self = psutil.Process()
        self._network = psutil.net_io_counters()
        psutil.cpu_percent()
        self._self.cpu_percent()

    def samples(self, at: int) -> list[Sample]:
        """Return what there is to say. Units: at in milliseconds since the Unix epoch."""
        memory, disk = psutil.virtual_memory(), shutil.disk_usage(self._data)
        before, self._network = self._network, psutil.net_io_counters()
        gauges = {
            "host_cpu_ratio": psutil.cpu_percent() / 100.0,
            "host_memory_used_bytes": float(memory.total - memory.available),
            "host_memory_total_bytes": float(memory.total),
            "host_disk_free_bytes": float(disk.free),
            "monitor_cpu_ratio": self._self.cpu_percent() / 100.0,
            "monitor_memory_bytes": float(self._self.memory_info().rss),
        }
        found = [gauge(name, value, at, (("host", self._name),)) for name, value in gauges.items()]
        for direction, sent in (
            ("in", self._network.bytes_recv - before.bytes_recv),
            ("out", self._network.bytes_sent - before.bytes_sent),
        ):
            labels = (("direction", direction), ("host", self._name))
            if sent > 0:
                series = Series("host_network_bytes_total", labels, Kind.COUNTER)
                found.append(Sample(series, Point(at, float(sent))))
        return found


def gauge(name: str, value: float, at: int, labels: tuple[tuple[str, str], ...] = ()) -> Sample:
    """Return one value of a gauge."""
    return Sample(Series(name, labels, Kind.GAUGE), Point(at, value, low=value, high=value))
