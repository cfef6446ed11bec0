"""Which servers are looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.monitor.collect.targets import PATH, all_of, from_file, target


@pytest.mark.parametrize(
    ("address", "instance", "url"),
    [
        ("host:8501", "host:8501", f"http://host:8501{PATH}"),
        ("https://host", "host", f"https://host{PATH}"),
        ("http://host:1/metrics", "host:1", "http://host:1/metrics"),
        ("[::1]:8501", "[::1]:8501", f"http://[::1]:8501{PATH}"),
    ],
)
def test_an_address_is_read(address: str, instance: str, url: str) -> None:
    found = target(address)
    assert (found.instance, found.url) == (instance, url)


@pytest.mark.parametrize("address", ["", "ftp://host", "host:port", "http://:80", "host:99999"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InvalidArgument, match="is no address"):
        target(address)


def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    file.write_text('[{"targets": ["a:1"], "labels": {"zone": "x"}}]')
    discover = all_of([from_file(file), lambda: [target("a:1"), target("b:1")]])
    assert [(each.instance, each.labels) for each in discover()] == [("a:1", (("zone", "x"),)), ("b:1", ())]
    file.write_text("[]")
    assert [each.instance for each in discover()] == ["a:1", "b:1"]
    file.write_text('[{"target": ["a:1"]}]')
    with pytest.raises(InvalidArgument, match=r"targets\.json"):
        discover()
