"""Servers are compared with those that serve the same."""

from __future__ import annotations

from seaway.monitor.top.peers import ENOUGH_REQUESTS, slower_than_peers


def test_peers_are_servers_of_the_same_version_only() -> None:
    enough = float(ENOUGH_REQUESTS)
    other_models = {("a", "m", "1"): (0.001, enough), ("b", "n", "1"): (1.0, enough), ("c", "m", "2"): (1.0, enough)}
    assert slower_than_peers(other_models) == {}
    four = {(name, "m", "1"): (p99, enough) for name, p99 in zip("abcd", (1.0, 1.0, 1.1, 2.1), strict=True)}
    assert list(slower_than_peers(four)) == ["d"]
