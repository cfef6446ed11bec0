"""Usable cores under quotas of both versions of control groups, on files that stand for the kernel's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seaway.settings.cores import usable_cores

ALL = len(os.sched_getaffinity(0))


def _write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("files", "group", "cores"),
    [
        pytest.param({}, "", ALL, id="no-control-groups"),
        pytest.param({"cpu.max": "max 100000\n"}, "0::/\n", ALL, id="v2-without-quota"),
        pytest.param({"cpu.max": "100000 100000\n"}, "0::/\n", 1, id="v2-one-core"),
        pytest.param({"cpu.max": "50000 100000\n"}, "0::/\n", 1, id="v2-half-a-core"),
        pytest.param({"a/b/cpu.max": "100000 100000\n"}, "0::/a/b\n", 1, id="v2-nested-group"),
        pytest.param({"a/cpu.max": "100000 100000\n", "a/b/cpu.max": "max 100000\n"}, "0::/a/b\n", 1, id="v2-parent"),
        pytest.param({"cpu.max": "100000000 100000\n"}, "0::/\n", ALL, id="v2-quota-above-the-machine"),
        pytest.param({"cpu.max": "100000 100000\n"}, "0::/../../other\n", 1, id="v2-group-outside-the-container"),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, "4:cpu:/\n", 1, id="v1-one-core"
        ),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
            "4:cpu:/\n",
            ALL,
            id="v1-without-quota",
        ),
        pytest.param(
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "90000\n", "cpu,cpuacct/x/cpu.cfs_period_us": "100000\n"},
            "4:cpu,cpuacct:/x\n",
            1,
            id="v1-joint-controllers",
        ),
        pytest.param({"cpu.max": "garbage\n"}, "garbage\n", ALL, id="unreadable-words"),
    ],
)
def test_cores_are_the_least_of_affinity_and_quota(
    tmp_path: Path, files: dict[str, str], group: str, cores: int
) -> None:
    _write(tmp_path / "cgroup", files)
    _write(tmp_path, {"self": group})
    assert usable_cores(tmp_path / "cgroup", tmp_path / "self") == cores


@pytest.mark.parametrize(
    ("files", "group", "allowed", "cores"),
    [
        pytest.param({"cpu.max": "250000 100000\n"}, "0::/\n", 8, 3, id="a-fraction-counts-as-a-whole-core"),
        pytest.param({"cpu.max": "10000 100000\n"}, "0::/\n", 8, 1, id="a-tenth-of-a-core"),
        pytest.param({"cpu.max": "800000 100000\n"}, "0::/\n", 2, 2, id="a-cpuset-below-the-quota"),
        pytest.param(
            {"a/cpu.max": "600000 100000\n", "a/b/cpu.max": "400000 100000\n", "a/b/c/cpu.max": "500000 100000\n"},
            "0::/a/b/c\n",
            8,
            4,
            id="the-least-of-nested-quotas",
        ),
        pytest.param(
            {
                "cpu/a/cpu.cfs_quota_us": "300000\n",
                "cpu/a/cpu.cfs_period_us": "100000\n",
                "cpu/a/b/cpu.cfs_quota_us": "-1\n",
                "cpu/a/b/cpu.cfs_period_us": "100000\n",
            },
            "4:cpu,cpuacct:/a/b\n3:cpuset:/a\n",
            8,
            3,
            id="v1-quota-of-the-parent",
        ),
    ],
)
def test_quotas_on_a_larger_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], group: str, allowed: int, cores: int
) -> None:
    # What a cpuset leaves is what the scheduler's affinity mask says.
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)))
    _write(tmp_path / "cgroup", files)
    _write(tmp_path, {"self": group})
    assert usable_cores(tmp_path / "cgroup", tmp_path / "self") == cores


def test_a_machine_without_the_kernel_files_counts_by_affinity(tmp_path: Path) -> None:
    assert usable_cores(tmp_path / "absent", tmp_path / "absent") == ALL
