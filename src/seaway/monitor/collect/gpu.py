"""Gauges of NVIDIA GPUs, where the package `nvidia-ml-py` and a driver are installed.

Source: NVML API reference (nvmlDeviceGetUtilizationRates, nvmlDeviceGetMemoryInfo, nvmlDeviceGetName).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from seaway.monitor.collect.host import gauge
from seaway.monitor.point import Sample


class Gpus:
    """The GPUs of this machine."""

    def __init__(self, host: str, library: Any) -> None:
        """Take the library as it was opened."""
        self._host = host
        self._library = library

    def samples(self, at: int) -> list[Sample]:
        """Return use and memory of each GPU; one that does not answer is left out. Units: at in milliseconds."""
        found: list[Sample] = []
        for number in range(self._library.nvmlDeviceGetCount()):
            try:
                found += self._of_one(number, at)
            except self._library.NVMLError:
                continue  # It fell off the bus, or is being reset.
        return found

    def _of_one(self, number: int, at: int) -> list[Sample]:
        library = self._library
        device = library.nvmlDeviceGetHandleByIndex(number)
        name = library.nvmlDeviceGetName(device)
        name = name.decode() if isinstance(name, bytes) else str(name)
        labels = (("gpu", str(number)), ("host", self._host), ("name", name))
        memory = library.nvmlDeviceGetMemoryInfo(device)
        busy = library.nvmlDeviceGetUtilizationRates(device).gpu
        return [
            gauge("gpu_busy_ratio", busy / 100.0, at, labels),
            gauge("gpu_memory_used_bytes", float(memory.used), at, labels),
            gauge("gpu_memory_total_bytes", float(memory.total), at, labels),
        ]


def gpus(host: str) -> Gpus | None:
    """Return the GPUs of this machine, None where there are none or nothing to ask them with."""
    try:
        library: Any = import_module("pynvml")
    except ImportError:
        return None
    try:
        library.nvmlInit()
    except library.NVMLError:
        return None  # No driver, or no GPU.
    return Gpus(host, library)
