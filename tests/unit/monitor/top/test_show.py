"""From a server's text to what is printed, with servers that are described and time that is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from seaway.clock import utc
from seaway.errors import InvalidArgument, ResourceExhausted, Unavailable
from seaway.monitor.collect.targets import from_file, target
from seaway.monitor.target import Target
from seaway.monitor.top.screen import Wish
from seaway.monitor.top.show import after_two_looks, as_json, pressed
from seaway.monitor.top.watch import Watch
from tests.support.fakes import FakeClock

TEXT = """# TYPE seaway_requests_total counter
seaway_requests_total{{api="grpc",code="OK",model="m",signature="s",version="1"}} {total}
# TYPE seaway_engine_info gauge
seaway_engine_info{{engine="onnx",model="m",version="1"}} 1
"""


class Clock(FakeClock):
    """A wait takes its time, and two looks are never at one moment."""

    def wait(self, event: threading.Event | threading.Condition, timeout_s: float | None) -> bool:
        self.advance(timeout_s or 0.0)
        return False


class Servers:
    """Answers 20 requests between two looks; what is in `down` does not answer."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.total = 0

    def fetch(self, one: Target, timeout_s: float) -> str:
        if one.instance in self.down:
            raise Unavailable(f"{one.url} does not answer: refused")
        self.total += 20
        return TEXT.format(total=self.total)


@pytest.fixture
def watching() -> Iterator[Callable[..., Watch]]:
    """Watches that are closed when the test ends."""
    made: list[Watch] = []

    def one(servers: Servers, clock: Clock, *names: str) -> Watch:
        targets = [target(name) for name in names]
        made.append(Watch(lambda: targets, servers.fetch, clock, 2.0))
        return made[-1]

    yield one
    for each in made:
        each.close()


def test_two_looks_have_rates(watching: Callable[..., Watch]) -> None:
    clock = Clock()
    found = after_two_looks(watching(Servers(), clock, "a:1"), clock)
    assert (found.up, found.rate, found.looks) == (1, 10.0, 2)
    assert [(row.model, row.engine) for row in found.models] == [("m", "onnx")]


def test_a_server_that_ends_and_comes_back(watching: Callable[..., Watch]) -> None:
    clock, servers = Clock(), Servers()
    watch = watching(servers, clock, "a:1")
    after_two_looks(watch, clock)
    servers.down.add("a:1")
    clock.advance(2.0)
    assert (watch.look().up, watch.latest.rate) == (0, 0.0)
    assert "refused" in watch.latest.servers[0].problem
    servers.down.clear()
    clock.advance(2.0)
    assert watch.look().rate == pytest.approx(40 / 6)


def test_json_is_one_line_in_the_order_asked_for_and_says_everything(watching: Callable[..., Watch]) -> None:
    clock = Clock()
    line = as_json(after_two_looks(watching(Servers(), clock, "b:1", "a:1"), clock), "requests")
    assert "\n" not in line
    found = json.loads(line)
    assert [server["instance"] for server in found["servers"]] == ["a:1", "b:1"]
    assert found["models"][0]["p99_s"] is None


def test_a_file_that_breaks_is_told_and_the_servers_stay(tmp_path: Path) -> None:
    file = tmp_path / "targets.json"
    with pytest.raises(InvalidArgument):
        Watch(from_file(file), Servers().fetch, Clock(), 2.0)
    file.write_text('[{"targets": ["a:1"]}]')
    watch = Watch(from_file(file), Servers().fetch, Clock(), 2.0)
    file.write_text("{")
    assert (watch.look().up, str(file) in watch.latest.notice) == (1, True)
    watch.close()


def test_a_full_disk_leaves_the_figures_and_is_told(
    watching: Callable[..., Watch], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    watch = watching(Servers(), clock, "a:1")
    before = after_two_looks(watch, clock)
    append = watch._store.append

    def full(*_: object) -> int:
        raise ResourceExhausted("/tmp/top.db cannot be written: no room")

    monkeypatch.setattr(watch._store, "append", full)
    clock.advance(60.0)
    found = watch.look()
    assert (found.rate, found.looks, found.at) == (before.rate, before.looks, before.at)
    assert found.notice == (
        f"figures stopped at {utc(before.at)}: /tmp/top.db cannot be written: no room; "
        "make room on that disk, or name another in TMPDIR"
    )
    monkeypatch.setattr(watch._store, "append", append)
    assert (watch.look().notice, watch.latest.looks) == ("", before.looks + 1)


def test_what_ends_the_looks_is_raised_where_it_is_seen() -> None:
    def broken(one: Target, timeout_s: float) -> str:
        raise ZeroDivisionError

    watch = Watch(lambda: [target("a:1")], broken, Clock(), 2.0)
    watch.run(threading.Event())
    with pytest.raises(ZeroDivisionError):
        cast("object", watch.latest)
    watch.close()


def test_keys_change_what_is_wished_for() -> None:
    wish = Wish()
    for key in "srrp?x":
        wish = pressed(wish, key)
    assert wish == Wish("errors", per_signature=True, is_paused=True, is_helping=True)
    for key in "srrp?":
        wish = pressed(wish, key)
    assert wish == Wish()
