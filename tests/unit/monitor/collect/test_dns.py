"""Servers behind one name."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from seaway.errors import InvalidArgument, Unavailable
from seaway.monitor.collect.dns import addresses, from_dns
from seaway.monitor.target import Target

PATH = "/monitoring/prometheus/metrics"


def test_every_address_is_a_server_and_is_asked_for_anew_each_time() -> None:
    known: dict[str, Sequence[str]] = {"tasks.digits": ("10.0.0.2", "10.0.0.1", "10.0.0.2")}
    discover = from_dns("tasks.digits:8501", known.__getitem__)
    assert discover() == [
        Target("10.0.0.1:8501", f"http://10.0.0.1:8501{PATH}"),
        Target("10.0.0.2:8501", f"http://10.0.0.2:8501{PATH}"),
    ]
    known["tasks.digits"] = ("fd00::1",)
    assert discover() == [Target("[fd00::1]:8501", f"http://[fd00::1]:8501{PATH}")]


def test_a_server_that_is_known_by_a_name_has_that_name() -> None:
    discover = from_dns("digits:8501", lambda _: ("10.0.0.1", "10.0.0.2"), lambda: {"10.0.0.2": "digits.2.x"})
    assert [each.instance for each in discover()] == ["10.0.0.1:8501", "digits.2.x"]
    assert discover()[1].url == f"http://10.0.0.2:8501{PATH}", "it is asked at its address"


@pytest.mark.parametrize("place", ["digits", ":8501", "digits:", "digits:x", "digits:0", "digits:65536"])
def test_what_is_no_place_is_refused(place: str) -> None:
    with pytest.raises(InvalidArgument, match="expected NAME:PORT"):
        from_dns(place, lambda _: ())


def test_this_machine_resolves_itself_and_says_what_it_cannot() -> None:
    assert "127.0.0.1" in addresses("localhost")
    with pytest.raises(Unavailable, match=r"no-such-name\.invalid cannot be resolved"):
        addresses("no-such-name.invalid")
    with pytest.raises(Unavailable, match="cannot be resolved"):
        addresses("a" * 64 + ".invalid")
