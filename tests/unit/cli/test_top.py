"""What `seaway top` refuses before it looks at anything."""

from __future__ import annotations

import pytest

from seaway.cli.top import check
from seaway.errors import InvalidArgument


@pytest.mark.parametrize(
    ("interval", "sort", "is_live", "is_terminal", "says"),
    [
        (0.0, "requests", False, True, "0.1 to 3600"),
        (float("nan"), "requests", False, True, "0.1 to 3600"),
        (2.0, "name", False, True, "requests, p99, errors, memory"),
        (2.0, "requests", True, False, "--once or --json"),
    ],
)
def test_what_cannot_be_done_is_refused(
    interval: float, sort: str, is_live: bool, is_terminal: bool, says: str
) -> None:
    with pytest.raises(InvalidArgument, match=says):
        check(interval, sort, is_live, is_terminal)


def test_a_dumb_terminal_has_no_live_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    check(2.0, "p99", is_live=True, is_terminal=True)
    monkeypatch.setenv("TERM", "dumb")
    check(2.0, "p99", is_live=False, is_terminal=False)
    with pytest.raises(InvalidArgument, match="terminal"):
        check(2.0, "p99", is_live=True, is_terminal=True)
