"""Which versions are loaded and which answers."""

from __future__ import annotations

import pytest

from seaway.deploy.live import Policy, chosen_live, live_version, loaded_versions
from seaway.errors import FailedPrecondition
from seaway.fleet.published import PublishedModel, Traffic


def in_force(*versions: int, live: int | None = None) -> PublishedModel:
    return PublishedModel("m", "m", versions, traffic=Traffic(live) if live is not None else None)


@pytest.mark.parametrize(
    ("policy", "in_store", "now", "live"),
    [
        pytest.param("latest", (1, 2, 3), None, 3, id="the-newest-at-first"),
        pytest.param("latest", (1, 2, 3), in_force(2), 2, id="a-newer-version-waits-for-a-rollout"),
        pytest.param("latest:2", (1, 2, 3), in_force(1, 2), 2, id="the-highest-loaded-one-answers"),
        pytest.param("all", (1, 2, 3), in_force(1, 2, live=1), 1, id="a-rolled-back-version-stays"),
        pytest.param("latest", (1, 3), in_force(2), 3, id="a-version-that-left-the-store-gives-way"),
        pytest.param([1, 2], (1, 2, 3), None, 2, id="the-highest-of-a-list"),
        pytest.param([1, 2], (1, 2, 3), in_force(1), 1, id="a-list-that-grows-moves-no-traffic"),
        pytest.param([2, 3], (1, 2, 3), in_force(1), 3, id="a-list-without-the-live-one-moves-it"),
    ],
)
def test_the_version_that_answers(
    policy: Policy, in_store: tuple[int, ...], now: PublishedModel | None, live: int
) -> None:
    assert chosen_live("m", policy, in_store, now) == live


@pytest.mark.parametrize(
    ("policy", "live", "loaded"),
    [
        pytest.param("latest", 3, (3,), id="one"),
        pytest.param("latest:1", 2, (2,), id="one-by-number"),
        pytest.param("latest:2", 3, (2, 3), id="the-one-below-too"),
        pytest.param("latest:2", 2, (1, 2), id="never-one-above"),
        pytest.param("latest:9", 5, (1, 2, 3, 5), id="as-many-as-there-are"),
        pytest.param("all", 2, (1, 2, 3, 5), id="all"),
        pytest.param([5, 1], 1, (1, 5), id="a-list"),
    ],
)
def test_the_versions_that_are_loaded(policy: Policy, live: int, loaded: tuple[int, ...]) -> None:
    assert loaded_versions("m", policy, (1, 2, 3, 5), live) == loaded


@pytest.mark.parametrize(
    ("policy", "in_store", "message"),
    [
        pytest.param("latest", (), "model 'm' has no version in the store; export one, for instance as m/1", id="none"),
        pytest.param(
            [7], (1, 2), "model 'm' is to serve versions 7, the store has 1, 2; change", id="none-of-the-list"
        ),
    ],
)
def test_what_the_store_lacks_is_named(policy: Policy, in_store: tuple[int, ...], message: str) -> None:
    with pytest.raises(FailedPrecondition, match=message):
        chosen_live("m", policy, in_store, None)


def test_one_missing_version_of_a_list_is_named() -> None:
    with pytest.raises(FailedPrecondition, match="is to serve version 7, the store has 1, 2"):
        loaded_versions("m", [1, 7], (1, 2), 1)


def test_the_live_version_is_the_one_that_traffic_says_or_the_highest() -> None:
    assert live_version(in_force(1, 2)) == 2
    assert live_version(in_force(1, 2, live=1)) == 1
