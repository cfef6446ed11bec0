"""Which of the versions that are there should be served.

A pure function. That a version must also have settled comes in as a question that is asked only where the answer
matters: with `latest` a hundred old versions are never looked into.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.cc, Aspire{Latest,All,Specific}Versions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

from seaway.settings.model_config import AllVersions, LatestVersions, SpecificVersions, VersionPolicy


def aspired_versions(
    policy: VersionPolicy,
    versions: Sequence[int],
    is_settled: Callable[[int], bool] = lambda _: True,
) -> tuple[int, ...]:
    """Return the version numbers to serve, ascending, out of `versions` (in any order)."""
    settled = filter(is_settled, sorted(set(versions), reverse=True))
    match policy:
        case LatestVersions(count=count):
            chosen = islice(settled, max(1, count))
        case AllVersions():
            chosen = islice(settled, None)
        case SpecificVersions(versions=wanted):
            chosen = islice(filter(is_settled, sorted(wanted & set(versions), reverse=True)), None)
    return tuple(sorted(chosen))
