"""GPUs, by a library that stands for NVML: this has never run on a real one."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from seaway.monitor.collect import gpu
from seaway.monitor.collect.gpu import gpus


class Library:
    """NVML's Python binding with two GPUs, of which the second does not answer."""

    class NVMLError(Exception):
        """As there."""

    def __init__(self, has_driver: bool = True) -> None:
        self.has_driver = has_driver

    def nvmlInit(self) -> None:
        if not self.has_driver:
            raise self.NVMLError("no driver")

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, number: int) -> int:
        if number:
            raise self.NVMLError("lost")
        return number

    def nvmlDeviceGetName(self, device: int) -> bytes:
        return b"Tesla T4"

    def nvmlDeviceGetMemoryInfo(self, device: int) -> SimpleNamespace:
        return SimpleNamespace(used=4, total=16)

    def nvmlDeviceGetUtilizationRates(self, device: int) -> SimpleNamespace:
        return SimpleNamespace(gpu=75)


def test_each_gpu_that_answers_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "import_module", lambda name: Library())
    found = gpus("host")
    assert found is not None
    values = {each.series.name: each.point.value for each in found.samples(1)}
    assert values == {"gpu_busy_ratio": 0.75, "gpu_memory_used_bytes": 4.0, "gpu_memory_total_bytes": 16.0}
    assert dict(found.samples(1)[0].series.labels) == {"gpu": "0", "host": "host", "name": "Tesla T4"}


def test_without_driver_or_library_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "import_module", lambda name: Library(has_driver=False))
    assert gpus("host") is None

    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(gpu, "import_module", missing)
    assert gpus("host") is None
