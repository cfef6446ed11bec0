"""What becomes of complete files: their form, their way to a store, and what happens when that is away."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from seaway.errors import Unavailable
from seaway.request_log.reading import read_entries
from seaway.request_log.shipper import Orders, Shipper
from seaway.request_log.spool import SPOOL, claim
from seaway.request_log.uploader import Uploader
from seaway.request_log.writing import Form
from tests.support.fakes import FakeClock
from tests.support.request_log_files import asked, tfrecord

NAME = "m-20260131T235959Z-7-{}.{}"
URL = "s3://bucket/log/m"


class World:
    """A shipper, the store that it knows, and what it has counted."""

    def __init__(self, root: Path, form: Form = "jsonl", most_bytes: int = 1 << 20, replica: str = "a") -> None:
        self.root = root
        self.clock = FakeClock()
        self.store: dict[str, bytes] = {}
        self.is_away = False
        self.tries = 0
        self.counts: Counter[str] = Counter()
        orders = Orders(form, root, replica, most_bytes)
        self.shipper = Shipper(orders, Uploader(self.put, self.clock), self.count, self.clock)

    def put(self, path: Path, url: str) -> None:
        self.tries += 1
        if self.is_away:
            raise OSError("no route")
        self.store[url] = path.read_bytes()

    def count(self, outcome: str, files: int) -> None:
        self.counts[outcome] += files

    def look(self) -> None:
        self.shipper.look(threading.Event())

    def write(self, prefix: str, number: int, *values: float) -> Path:
        place = self.shipper.write_prefix(prefix)
        assert place is not None
        file = Path(place).parent / NAME.format(number, "tfrecord")
        file.parent.mkdir(parents=True, exist_ok=True)
        return tfrecord(file, [asked(value) for value in values or (1.0,)])

    def waiting(self) -> list[str]:
        return sorted(path.name for path in self.root.rglob("*m-*"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.is_file())


def test_a_local_tfrecord_stays_as_the_plane_wrote_it(tmp_path: Path) -> None:
    world = World(tmp_path, "tfrecord")
    world.write(str(tmp_path / "m"), 0)
    world.look()
    assert names(tmp_path) == [NAME.format(0, "tfrecord")]
    assert not world.counts


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_local_file_takes_the_form_that_is_asked_for(form: Form, tmp_path: Path) -> None:
    world = World(tmp_path, form)
    world.write(str(tmp_path / "m"), 0, 1.0, 2.0)
    (tmp_path / ".m-20260131T235959Z-7-1.tfrecord.part").write_bytes(b"being written")
    (tmp_path / "other-20260131T235959Z-7-1.tfrecord").write_bytes(b"somebody else's")
    world.look()
    assert names(tmp_path) == [
        ".m-20260131T235959Z-7-1.tfrecord.part",
        NAME.format(0, form),
        "other-20260131T235959Z-7-1.tfrecord",
    ]
    assert len(list(read_entries([str(tmp_path / NAME.format(0, form))]))) == 2
    assert world.counts == {"converted": 1}


def test_a_file_of_another_replica_with_the_same_name_is_not_replaced(world: World) -> None:
    (world.root / NAME.format(0, "jsonl")).write_text("theirs")
    world.write(str(world.root / "m"), 0)
    world.look()
    assert names(world.root) == [NAME.format(0, "jsonl"), NAME.format(1, "jsonl")]
    assert (world.root / NAME.format(0, "jsonl")).read_text() == "theirs"


def test_the_oldest_local_files_make_room(tmp_path: Path) -> None:
    world = World(tmp_path, most_bytes=700)
    for number in range(5):
        world.write(str(tmp_path / "m"), number)
    world.look()
    left = names(tmp_path)
    assert left[-1] == NAME.format(4, "jsonl")
    assert 0 < sum((tmp_path / name).stat().st_size for name in left) <= 700
    assert world.counts == {"converted": 5}, "that is what the bound is for, and nothing is lost by accident"


def test_a_damaged_file_is_set_aside_and_the_others_go_on(world: World, caplog: pytest.LogCaptureFixture) -> None:
    damaged = world.write(str(world.root / "m"), 0)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    world.write(str(world.root / "m"), 1)
    world.look()
    world.look()
    assert names(world.root) == [NAME.format(0, "tfrecord.damaged"), NAME.format(1, "jsonl")]
    assert world.counts == {"failed": 1, "converted": 1}
    assert caplog.text.count("cannot be converted") == 1


@pytest.mark.parametrize("form", ["tfrecord", "jsonl"])
def test_what_goes_to_a_url_is_uploaded_under_the_name_of_its_server(form: Form, tmp_path: Path) -> None:
    world = World(tmp_path, form)
    world.write(URL, 0)
    world.look()
    assert list(world.store) == [f"s3://bucket/log/m-20260131T235959Z-a-7-0.{form}"]
    assert world.waiting() == []
    assert world.counts["uploaded"] == 1


def test_a_store_that_is_away_is_told_once_and_tried_less_often(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world.is_away = True
    world.write(URL, 0)
    for _ in range(40):
        world.look()
        world.clock.advance(0.5)
    assert world.tries == 5, "after 0, 1, 3, 7 and 15 seconds"
    assert world.counts == {"converted": 1, "failed": 5}
    assert caplog.text.count("cannot be uploaded") == 1
    world.is_away = False
    world.clock.advance(60)
    world.look()
    assert (len(world.store), world.waiting()) == (1, [])
    assert caplog.text.count("are uploaded again") == 1


def test_beyond_the_bound_the_oldest_are_dropped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    world = World(tmp_path, most_bytes=700)
    world.is_away = True
    for number in range(5):
        world.write(URL, number)
        world.look()
    left = world.waiting()
    assert left[-1] == NAME.format(4, "jsonl")
    assert world.counts["dropped"] == 5 - len(left)
    assert caplog.text.count("the oldest are dropped") == 1


def test_what_the_plane_removes_to_make_room_is_counted_as_dropped(tmp_path: Path) -> None:
    world = World(tmp_path, "tfrecord")
    world.is_away = True
    world.write(URL, 0)
    file = world.write(URL, 1)
    world.look()
    file.unlink()
    world.look()
    assert world.counts["dropped"] == 1
    world.is_away = False
    world.clock.advance(60)
    world.look()
    world.look()
    assert (world.counts["uploaded"], world.counts["dropped"]) == (1, 1)


def test_the_end_tries_once_more_and_leaves_nothing_behind(world: World) -> None:
    world.is_away = True
    world.write(URL, 0)
    world.look()
    world.is_away = False
    world.shipper.finish()
    assert len(world.store) == 1
    assert list((world.root / SPOOL).iterdir()) == []


def test_what_an_end_could_not_upload_waits_for_the_next_server(world: World) -> None:
    world.is_away = True
    world.write(URL, 0)
    world.shipper.finish()
    again = World(world.root)
    again.look()
    assert list(again.store) == ["s3://bucket/log/m-20260131T235959Z-a-7-0.jsonl"]
    again.shipper.finish()
    assert again.waiting() == []


def test_what_a_server_left_that_is_gone_is_taken_over_by_another(world: World) -> None:
    place = world.root / SPOOL / "gone" / "s3%3A%2F%2Fbucket%2Flog"
    place.mkdir(parents=True)
    whole = tfrecord(place / ".m-20260131T235959Z-7-0.tfrecord.part", [asked(1.0)])
    whole.write_bytes(whole.read_bytes() + b"\x07\0\0")
    (place / ".m-20260131T235959Z-7-1.tfrecord.part").write_bytes(b"\x07\0\0")
    world.look()
    assert list(world.store) == ["s3://bucket/log/m-20260131T235959Z-gone-7-0.jsonl"]
    world.shipper.finish()
    assert list((world.root / SPOOL).iterdir()) == []


def test_what_another_server_is_still_at_is_left_alone(world: World) -> None:
    other = claim(world.root, "a")
    place = Path(other.local_prefix(URL)).parent
    place.mkdir(parents=True)
    tfrecord(place / NAME.format(0, "tfrecord"), [asked(1.0)])
    world.write(URL, 0)
    world.look()
    assert list(world.store) == ["s3://bucket/log/m-20260131T235959Z-a.2-7-0.jsonl"]
    assert names(place) == [NAME.format(0, "tfrecord")]
    world.shipper.finish()
    other.release()


def test_a_spool_that_cannot_be_written_costs_the_log_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    world = World(tmp_path / "file")
    assert world.shipper.write_prefix(URL) is None
    assert world.shipper.write_prefix(URL) is None
    assert caplog.text.count("--request-log-directory") == 1


def test_an_end_that_is_asked_for_stops_between_two_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = threading.Event()
    monkeypatch.setattr(world, "count", lambda outcome, _: stop.set() if outcome == "uploaded" else None)
    shipper = Shipper(
        Orders("jsonl", world.root, "a", 1 << 20), Uploader(world.put, world.clock), world.count, world.clock
    )
    world.shipper = shipper
    world.write(URL, 0)
    world.write(URL, 1)
    shipper.look(stop)
    assert len(world.store) == 1


def test_a_place_that_fails_holds_up_no_other_and_is_told_once(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(str(world.root / "a" / "m"), 0)
    world.write(str(world.root / "b" / "m"), 0)
    list_directory = Path.iterdir

    def refusing(path: Path) -> Iterator[Path]:
        if path.name == "a":
            raise PermissionError(f"no entry to {path}")
        return list_directory(path)

    monkeypatch.setattr(Path, "iterdir", refusing)
    world.look()
    world.look()
    assert world.counts == {"converted": 1}
    assert caplog.text.count("could not be taken on: PermissionError") == 1


def test_an_error_of_a_store_is_shown_without_credentials(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def refuse(path: Path, url: str) -> None:
        raise Unavailable(f"https://key:secret@host/{path.name} says no to {url}")

    uploader = Uploader(refuse, world.clock)
    assert not uploader.upload(world.root / "f", "s3://bucket/log", "f")
    assert "secret" not in caplog.text
