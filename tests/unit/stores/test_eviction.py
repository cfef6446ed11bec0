"""What makes room."""

from __future__ import annotations

import pytest

from seaway.errors import ResourceExhausted
from seaway.stores.eviction import Entry, Room, evicted

OLD, NEW, USED = Entry("old", 40, 1.0, False), Entry("new", 40, 2.0, False), Entry("used", 40, 0.0, True)
PLENTY = 10**12


@pytest.mark.parametrize(
    ("entries", "needed", "room", "expected"),
    [
        pytest.param([], 50, Room(100, PLENTY), (), id="empty"),
        pytest.param([OLD], 60, Room(100, PLENTY), (), id="fits-exactly"),
        pytest.param([NEW, OLD], 60, Room(100, PLENTY), ("old",), id="least-recently-used-goes"),
        pytest.param([NEW, OLD], 100, Room(100, PLENTY), ("old", "new"), id="as-many-as-it-takes"),
        pytest.param([USED, NEW], 60, Room(100, PLENTY), ("new",), id="what-is-in-use-stays-however-old"),
        pytest.param([NEW, OLD], 10**9, Room(0, PLENTY), (), id="no-bound"),
        pytest.param([NEW, OLD], 30, Room(0, 10), ("old",), id="the-disk-is-a-bound"),
        pytest.param([NEW, OLD], 30, Room(1000, 10), ("old",), id="the-disk-is-the-nearer-bound"),
        pytest.param([NEW, OLD], 20, Room(70, PLENTY), ("old",), id="already-beyond-the-bound"),
    ],
)
def test_what_goes_so_that_it_fits(entries: list[Entry], needed: int, room: Room, expected: tuple[str, ...]) -> None:
    assert evicted(entries, needed, room) == expected


@pytest.mark.parametrize(
    ("entries", "needed", "room", "said"),
    [
        pytest.param([], 101, Room(100, PLENTY), "cache_max_bytes=100; raise it", id="larger-than-the-cache"),
        pytest.param([USED, OLD], 61, Room(100, PLENTY), "beside 40 bytes in use", id="beside-what-is-in-use"),
        pytest.param([USED], 61, Room(0, 60), "cache_directory", id="larger-than-the-disk"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_bound_and_nothing_goes(
    entries: list[Entry], needed: int, room: Room, said: str
) -> None:
    with pytest.raises(ResourceExhausted, match=said):
        evicted(entries, needed, room)
