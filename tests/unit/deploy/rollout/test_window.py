"""What two versions did between two looks at all replicas."""

from __future__ import annotations

import pytest

from seaway.deploy.rollout.window import Requests, window
from seaway.fleet.report import Comparison, ModelReport, Report, Series, VersionReport

BOUNDS = (0.001, 0.01, 0.1)


def series(version: int, ok: int, errors: int = 0, kind: str = "live", buckets: tuple[int, ...] = ()) -> Series:
    return Series("m", version, kind, ok, 0, errors, BOUNDS, buckets or (ok + errors, 0, 0, 0))


def report(name: str, at: float, *found: Series, started: float = 0.0, compared: tuple[int, int] = (0, 0)) -> Report:
    comparisons = (Comparison("m", 6, 7, *compared),) if any(compared) else ()
    return Report(name, at, started, series=found, comparisons=comparisons)


def test_counts_are_differences_added_over_replicas() -> None:
    before = [report("a", 10, series(6, 100), series(7, 5)), report("b", 10, series(6, 50))]
    now = [report("a", 20, series(6, 160), series(7, 9, errors=2)), report("b", 20, series(6, 80), series(7, 3))]
    seen = window("m", (6, 7), before, now)
    assert (seen.seconds, seen.live.ok, seen.candidate.ok, seen.candidate.server_errors) == (10, 90, 7, 2)
    assert seen.live.buckets == (90, 0, 0, 0)


def test_a_replica_that_restarted_began_again_at_nothing() -> None:
    before = [report("a", 10, series(6, 100))]
    now = [report("a", 20, series(6, 30), started=15.0)]
    assert window("m", (6, 7), before, now).live.ok == 30


def test_a_version_that_was_loaded_again_began_again_at_nothing() -> None:
    seen = window("m", (6, 7), [report("a", 10, series(7, 100))], [report("a", 20, series(7, 4))])
    assert seen.candidate.ok == 4


def test_replicas_come_and_go() -> None:
    before, now = [report("a", 10, series(6, 100))], [report("b", 20, series(6, 7))]
    assert window("m", (6, 7), before, now).live.ok == 7


def test_comparisons_are_differences_too() -> None:
    seen = window("m", (6, 7), [report("a", 10, compared=(5, 1))], [report("a", 20, compared=(25, 4))])
    assert (seen.compared.agreed, seen.compared.differed, seen.compared.judged) == (20, 3, 23)


def test_a_candidate_that_cannot_serve_somewhere_is_gone() -> None:
    failed = ModelReport("m", (VersionReport(7, "END", "an unknown op"),))
    now = [Report("a", 20, 0.0), Report("b", 20, 0.0, models=(failed,))]
    assert window("m", (6, 7), [], now).gone == "on b: an unknown op"


@pytest.mark.parametrize(
    ("buckets", "share", "ms"),
    [
        pytest.param((100, 0, 0, 0), 0.99, 1.0, id="all-in-the-first"),
        pytest.param((98, 2, 0, 0), 0.99, 10.0, id="the-upper-bound-of-its-bucket"),
        pytest.param((99, 1, 0, 0), 0.99, 1.0, id="exactly-at-the-edge"),
        pytest.param((0, 0, 0, 5), 0.5, float("inf"), id="beyond-the-last-bound"),
        pytest.param((0, 0, 0, 0), 0.5, None, id="none"),
    ],
)
def test_a_quantile_is_never_shown_smaller_than_it_was(
    buckets: tuple[int, ...], share: float, ms: float | None
) -> None:
    assert Requests(bounds_s=BOUNDS, buckets=buckets).quantile_ms(share) == ms
