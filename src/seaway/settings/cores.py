"""How many processor cores this process may really use.

A container with a quota of two cores on a machine with sixty-four must not run sixty-four things at once: it would be
throttled. So the answer is the least of what the scheduler's affinity mask and the control group's quota allow. The
files are read below a directory that is an argument, hence testable without a container.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
PROC_SELF_CGROUP = Path("/proc/self/cgroup")


def usable_cores(cgroup_root: Path = CGROUP_ROOT, self_cgroup: Path = PROC_SELF_CGROUP) -> int:
    """Return the cores that this process may use, at least 1; a fraction of a core counts as a whole one.

    Source:  Linux kernel documentation, cgroup-v2 `cpu.max` and cgroup-v1 `cpu.cfs_quota_us`; sched_getaffinity(2)
    """
    allowed = len(os.sched_getaffinity(0))
    quota = _quota(cgroup_root, self_cgroup)
    return max(1, allowed if quota is None else min(allowed, math.ceil(quota)))


def _quota(root: Path, self_cgroup: Path) -> float | None:
    """Return the least quota in cores on the way from this process's group to the root; None without any."""
    found = [quota for directory in _directories(root, self_cgroup) if (quota := _quota_of(directory)) is not None]
    return min(found, default=None)


def _directories(root: Path, self_cgroup: Path) -> list[Path]:
    directories = [root, root / "cpu", root / "cpu,cpuacct"]
    for line in _text(self_cgroup).splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0":
            directories += _with_parents(root, path)
        elif "cpu" in controllers.split(","):
            directories += _with_parents(root / controllers, path) + _with_parents(root / "cpu", path)
    return directories


def _with_parents(root: Path, path: str) -> list[Path]:
    relative = Path(path.lstrip("/"))
    if ".." in relative.parts:  # a group outside the container's view: nothing below our root describes it
        return []
    return [root / relative, *(root / parent for parent in relative.parents)]


def _quota_of(directory: Path) -> float | None:
    version_2 = _text(directory / "cpu.max").split()
    if len(version_2) == 2:  # noqa: PLR2004 - the file holds quota and period
        return _share(version_2[0], version_2[1])
    return _share(_text(directory / "cpu.cfs_quota_us"), _text(directory / "cpu.cfs_period_us"))


def _share(quota: str, period: str) -> float | None:
    try:
        share = int(quota) / int(period)
    except (ValueError, ZeroDivisionError):  # "max", an absent file, or a period that says nothing
        return None
    return share if share > 0 else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
