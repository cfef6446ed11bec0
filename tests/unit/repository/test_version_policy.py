"""Which versions a version policy chooses."""

from __future__ import annotations

import pytest

from seaway.repository.version_policy import aspired_versions
from seaway.settings.model_config import AllVersions, LatestVersions, SpecificVersions, VersionPolicy


@pytest.mark.parametrize(
    ("policy", "versions", "expected"),
    [
        pytest.param(LatestVersions(), [1, 3, 2], (3,), id="latest"),
        pytest.param(LatestVersions(2), [1, 3, 2], (2, 3), id="latest-two"),
        pytest.param(LatestVersions(9), [1, 3], (1, 3), id="latest-more-than-there-are"),
        pytest.param(LatestVersions(0), [1, 3], (3,), id="latest-none-means-one"),
        pytest.param(LatestVersions(), [], (), id="latest-of-nothing"),
        pytest.param(LatestVersions(), [9, 10], (10,), id="numbers-not-names-are-compared"),
        pytest.param(AllVersions(), [3, 1], (1, 3), id="all"),
        pytest.param(SpecificVersions(frozenset({1, 7})), [1, 2, 7], (1, 7), id="specific"),
        pytest.param(SpecificVersions(frozenset({1, 7})), [1, 2], (1,), id="specific-partly-there"),
        pytest.param(SpecificVersions(frozenset({7})), [1, 2], (), id="specific-not-there"),
    ],
)
def test_chosen_versions(policy: VersionPolicy, versions: list[int], expected: tuple[int, ...]) -> None:
    assert aspired_versions(policy, versions) == expected


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(LatestVersions(), (3,), id="latest-falls-back-to-the-one-before"),
        pytest.param(AllVersions(), (2, 3), id="all-leaves-it-out"),
        pytest.param(SpecificVersions(frozenset({4, 2})), (2,), id="specific-leaves-it-out"),
    ],
)
def test_version_that_has_not_settled_is_not_chosen(policy: VersionPolicy, expected: tuple[int, ...]) -> None:
    assert aspired_versions(policy, [2, 3, 4], lambda version: version != 4) == expected


def test_old_versions_are_not_even_looked_into() -> None:
    asked: list[int] = []

    aspired_versions(LatestVersions(2), range(1, 101), lambda version: asked.append(version) is None)

    assert asked == [100, 99]
