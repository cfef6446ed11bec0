"""When a directory counts as settled."""

from __future__ import annotations

import pytest

from seaway.repository.options import SourceOptions
from seaway.repository.sources.settle import Now, Seen, is_settled, remember
from seaway.repository.sources.sight import Sight

OPTIONS = SourceOptions(settle_s=1.0, incomplete_s=10.0)
WALL_S = 5000.0


def sight(fingerprint: str = "a", untouched_s: float = 0.0, missing: tuple[str, ...] = ()) -> Sight:
    return Sight(fingerprint, WALL_S - untouched_s, 1, missing)


@pytest.mark.parametrize(
    ("watched_s", "untouched_s", "missing", "expected"),
    [
        pytest.param(0.0, 0.0, (), False, id="fresh-at-first-look"),
        pytest.param(0.0, 3600.0, (), True, id="old-files-need-no-second-look"),
        pytest.param(0.9, 0.9, (), False, id="not-long-enough"),
        pytest.param(1.0, 1.0, (), True, id="unchanged-long-enough"),
        pytest.param(1.0, -50.0, (), True, id="a-share-whose-clock-is-ahead-settles-too"),
        pytest.param(5.0, 5.0, ("variables",), False, id="incomplete-is-given-longer"),
        pytest.param(10.0, 10.0, ("variables",), True, id="incomplete-and-abandoned-is-tried-to-be-refused"),
    ],
)
def test_settled(watched_s: float, untouched_s: float, missing: tuple[str, ...], expected: bool) -> None:
    now = Now(monotonic_s=100.0, wall_s=WALL_S)

    assert is_settled(Seen("a", 100.0 - watched_s), sight("a", untouched_s, missing), now, OPTIONS) is expected


def test_any_change_starts_the_time_anew() -> None:
    first = remember(None, sight("a"), Now(100.0, WALL_S))
    same = remember(first, sight("a"), Now(101.0, WALL_S))
    other = remember(same, sight("b"), Now(102.0, WALL_S))

    assert (first, same, other) == (Seen("a", 100.0), Seen("a", 100.0), Seen("b", 102.0))
