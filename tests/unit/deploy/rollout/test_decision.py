"""Whether a rollout stays, goes on or goes back."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from seaway.deploy.description.schema import Objective, Rollout
from seaway.deploy.rollout.decision import Verdict, decide, lower_bound, upper_bound
from seaway.deploy.rollout.stages import Stage
from seaway.deploy.rollout.window import Compared, Requests, Window

BOUNDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
SETTINGS = Rollout(min_samples=100, patience_s=600)
OBJECTIVE = Objective(error_rate=0.01, p99_ms=50.0, disagreement=0.05, memory="1Gi")
SHADOW, CANARY, BAKE = Stage("shadow", 60, shadow=0.1), Stage("canary", 60, canary=0.1), Stage("bake", 60)
STAY, ADVANCE, BACK = Verdict.STAY, Verdict.ADVANCE, Verdict.ROLL_BACK


def requests(count: int = 200, failed: int = 0, bucket: int = 0) -> Requests:
    buckets = [0] * (len(BOUNDS) + 1)
    buckets[bucket] = count
    return Requests(count - failed, 0, failed, BOUNDS, tuple(buckets))


def canary(candidate: Requests, live: Requests | None = None, memory: int = 0, gone: str = "") -> Window:
    before = live if live is not None else requests(2000)
    return Window(60, before, candidate, Requests(), Compared(), memory, gone)


def shadow(agreed: int, differed: int, copies: Requests | None = None) -> Window:
    copies = copies if copies is not None else requests(agreed + differed)
    return Window(60, requests(2000), Requests(), copies, Compared(agreed, differed))


@pytest.mark.parametrize(
    ("stage", "seen", "elapsed", "verdict", "said"),
    [
        pytest.param(CANARY, canary(requests(200)), 61, ADVANCE, "200 requests, 0 failed", id="all-is-well"),
        pytest.param(CANARY, canary(requests(200)), 30, STAY, "30 of 60 s", id="not-yet-time"),
        pytest.param(CANARY, canary(requests(99)), 300, STAY, "99 of 100 requests seen", id="too-few-to-judge"),
        pytest.param(CANARY, canary(requests(99)), 601, BACK, "only 99 of 100 requests in 601 s", id="patience-ends"),
        pytest.param(CANARY, canary(requests(20, 20)), 2, BACK, "20 of 20 requests failed", id="evident-at-once"),
        pytest.param(CANARY, canary(requests(20, 1)), 2, STAY, "20 of 100 requests seen", id="one-may-be-chance"),
        pytest.param(CANARY, canary(requests(200, 10)), 61, BACK, "allowed are 1.00%", id="too-many-fail"),
        pytest.param(
            CANARY, canary(requests(200, 20), live=requests(2000, 240)), 61, ADVANCE, "20 failed", id="both-suffer"
        ),
        pytest.param(CANARY, canary(requests(200, bucket=6)), 61, BACK, "p99 is above 50 ms, allowed", id="too-slow"),
        pytest.param(
            CANARY,
            canary(requests(200, bucket=3), requests(2000, bucket=1)),
            61,
            BACK,
            "1.5 times",
            id="slower-than-before",
        ),
        pytest.param(
            CANARY,
            canary(requests(200, bucket=2), requests(2000, bucket=1)),
            61,
            ADVANCE,
            "200 requests",
            id="the-next-bucket-may-be-as-fast",
        ),
        pytest.param(
            CANARY, canary(requests(99, bucket=7), requests(2000)), 30, STAY, "99 of 100", id="no-p99-of-a-handful"
        ),
        pytest.param(CANARY, canary(requests(), memory=2**31), 5, BACK, "takes 2Gi of memory", id="too-large"),
        pytest.param(CANARY, canary(requests(), gone="on a-1: died"), 5, BACK, "no longer serves on a-1", id="gone"),
        pytest.param(
            CANARY,
            replace(canary(requests(5)), broken="alert Slow fires"),
            5,
            BACK,
            "alert Slow",
            id="the-monitor-says-no",
        ),
        pytest.param(SHADOW, shadow(200, 0), 61, ADVANCE, "0 of 200 answers disagree", id="they-agree"),
        pytest.param(SHADOW, shadow(180, 20), 5, BACK, "20 of 200 answers disagree, allowed", id="they-disagree"),
        pytest.param(SHADOW, shadow(196, 4), 61, ADVANCE, "4 of 200 answers disagree", id="few-disagree"),
        pytest.param(SHADOW, shadow(0, 0, requests(0)), 61, STAY, "0 of 100", id="nothing-compared-yet"),
        pytest.param(
            SHADOW, shadow(150, 0, requests(200, 50)), 61, BACK, "50 of 200 requests failed", id="copies-fail"
        ),
        pytest.param(
            SHADOW, shadow(200, 0, requests(200, bucket=7)), 61, ADVANCE, "200 requests", id="copies-may-wait"
        ),
        pytest.param(BAKE, canary(requests(200), live=Requests()), 61, ADVANCE, "200 requests", id="baked"),
        pytest.param(
            BAKE, canary(requests(200, 9), live=Requests()), 5, BACK, "9 of 200 requests failed", id="bake-breaks"
        ),
    ],
)
def test_decision(stage: Stage, seen: Window, elapsed: float, verdict: Verdict, said: str) -> None:
    found = decide(stage, seen, elapsed, SETTINGS, OBJECTIVE)
    assert (found.verdict, said in found.reason) == (verdict, True), found


@pytest.mark.parametrize(("count", "total", "low"), [(0, 0, 0.0), (0, 100, 0.0), (20, 20, 0.787), (1, 20, 0.008)])
def test_the_lower_bound_of_a_share(count: int, total: int, low: float) -> None:
    assert lower_bound(count, total) == pytest.approx(low, abs=0.005)
    assert lower_bound(count, total) <= (count / total if total else 0.0) <= upper_bound(count, total)


@given(st.integers(20, 500), st.integers(0, 10_000))
def test_a_candidate_that_only_fails_never_goes_on(count: int, live: int) -> None:
    found = decide(CANARY, canary(requests(count, count), requests(live)), 61, SETTINGS, OBJECTIVE)
    assert found.verdict is BACK


@given(st.integers(0, 500), st.floats(0, 2000))
def test_without_a_single_failure_nothing_is_taken_back_but_for_want_of_requests(count: int, elapsed: float) -> None:
    found = decide(CANARY, canary(requests(count)), elapsed, SETTINGS, OBJECTIVE)
    assert found.verdict is not BACK or found.reason.startswith("only")


def fate(rate: float, live_rate: float, luck: random.Random) -> Verdict:
    """Play one canary stage of 1,000 requests, looked at every 50 of them."""
    failed = live_failed = 0
    for seen in range(50, 1001, 50):
        failed += sum(luck.random() < rate for _ in range(50))
        live_failed += sum(luck.random() < live_rate for _ in range(450))
        window = canary(requests(seen, failed), requests(9 * seen, live_failed))
        found = decide(CANARY, window, seen * 0.06 + 1, SETTINGS, OBJECTIVE)
        if found.verdict is not STAY:
            return found.verdict
    return STAY


def test_chance_seldom_takes_a_good_version_back_and_never_lets_a_bad_one_through() -> None:
    luck = random.Random(7)
    good = [fate(0.002, 0.002, luck) for _ in range(400)]
    bad = [fate(0.10, 0.002, luck) for _ in range(400)]
    assert good.count(BACK) <= 0.03 * len(good), f"{good.count(BACK)} of {len(good)} good versions went back"
    assert bad.count(ADVANCE) == 0, f"{bad.count(ADVANCE)} of {len(bad)} bad versions went on"
