"""The order of what is shown."""

from __future__ import annotations

from seaway.monitor.top.view import Row, Server, View, ordered


def test_order_is_largest_first_with_unknown_last_and_versions_as_numbers() -> None:
    rows = (Row("a", "10"), Row("a", "9"), Row("b", "1", rate=3, p99_s=0.1), Row("c", "1", rate=1, p99_s=0.2))
    servers = (Server("fast", True, rate=9), Server("gone", False), Server("also", True, rate=1))
    shown = View(0, 10, 2, models=rows, servers=servers)
    assert [(row.model, row.version) for row in ordered(shown, "requests").models] == [
        ("b", "1"),
        ("c", "1"),
        ("a", "9"),
        ("a", "10"),
    ]
    assert [row.model for row in ordered(shown, "p99").models][:2] == ["c", "b"]
    assert [server.instance for server in ordered(shown, "requests").servers] == ["gone", "fast", "also"]
