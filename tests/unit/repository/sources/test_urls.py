"""The source of URLs: what a listing means, and what a store that does not answer changes: nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from seaway import errors
from seaway.repository.options import SourceOptions, UrlOptions
from seaway.repository.source import Look
from seaway.repository.sources.file_system import FileSystemSource
from seaway.repository.sources.urls import AnySource, Depot, UrlSource, pause_s, sight_of, trees_of
from seaway.settings.model_config import AllVersions, ModelConfig
from seaway.stores.listings import Listings
from seaway.stores.tree import StoredFile
from tests.support.fakes import FakeClock

URL = "s3://bucket/m"
GRAPH = ("saved_model.pb",)
MODEL = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
HOUR_S = 3600.0


class Listed:
    """A store that lists what a test says, or fails as it says."""

    url = URL

    def __init__(self) -> None:
        self.files: dict[str, StoredFile] = {}
        self.failure: errors.SeawayError | None = None
        self.opened: list[str] = []

    def open(self, url: str) -> Listed:
        self.opened.append(url)
        return self

    def list(self, timeout_s: float, inside: str = "") -> tuple[StoredFile, ...]:
        if self.failure is not None:
            raise self.failure
        return tuple(self.files.values())

    def has(self, version: str, names: Sequence[str], modified_s: float, tag: str = "t") -> None:
        for name in names:
            path = f"{version}/{name}"
            self.files[path] = StoredFile(path, 10, tag, modified_s)


class Told:
    """What is said of the stores of models."""

    def __init__(self) -> None:
        self.up: dict[str, bool] = {}

    def looked(self, model: str, is_up: bool) -> None:
        self.up[model] = is_up

    def forgotten(self, model: str) -> None:
        del self.up[model]


class Bench:
    """A source over such a store, in virtual time."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = FakeClock()
        self.store = Listed()
        self.told = Told()
        self.model = ModelConfig("m", URL, version_policy=AllVersions())
        self.restart()

    def restart(self) -> None:
        """Begin anew, as the source of another process on the same machine."""
        options = SourceOptions(settle_s=1.0, incomplete_s=10.0, urls=UrlOptions(poll_wait_s=10.0, longest_wait_s=60.0))
        depot = Depot(self.store.open, self.place, Listings(self.directory / ".listings"), self.told)  # type: ignore[arg-type] # it only lists
        self.source = UrlSource(options, self.clock, depot)

    def place(self, digest: str) -> Path:
        return self.directory / digest

    def fetch(self, look: Look) -> None:
        """Have copies of what a look asks for."""
        for version in look.aspired or ():
            version.path.mkdir()

    def look(self) -> Look:
        return self.source.look(self.model)

    def has(self, version: str, names: Sequence[str] = MODEL, age_s: float = HOUR_S, tag: str = "t") -> None:
        self.store.has(version, names, self.clock.wall() - age_s, tag)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def numbers(look: Look) -> list[int] | None:
    return None if look.aspired is None else [version.id.version for version in look.aspired]


def test_whole_versions_that_have_lain_there_are_aspired_at_first_look(bench: Bench) -> None:
    bench.has("1")
    bench.has("017")
    look = bench.look()
    assert numbers(look) == [1, 17]
    assert look.wait_s == 10.0
    assert look.aspired is not None
    version = look.aspired[1]
    assert version.tree is not None
    assert version.tree.url == f"{URL}/017"
    assert version.path == bench.place(version.tree.digest)
    assert version.size_bytes == 30
    assert version.fetch_timeout_s == UrlOptions().fetch_timeout_s


@pytest.mark.parametrize(
    ("names", "lacks"),
    [
        pytest.param(MODEL[1:], "one of saved_model.pb", id="graph"),
        pytest.param(MODEL[:2], "variables.data-", id="shards"),
        pytest.param((MODEL[0], MODEL[2]), "variables.index", id="index"),
        pytest.param(
            (*MODEL[:2], "variables/variables.data-00001-of-00002"), "data-00000-of-00002", id="one-of-two-shards"
        ),
    ],
)
def test_a_version_that_lacks_a_part_waits(bench: Bench, names: Sequence[str], lacks: str) -> None:
    bench.has("1", names, age_s=0.0)
    look = bench.look()
    assert numbers(look) is None
    assert look.is_settling
    assert look.problem is not None
    assert lacks in look.problem.message


def test_a_fresh_version_is_aspired_once_its_listing_stays_the_same(bench: Bench) -> None:
    bench.has("1", age_s=0.0)
    assert bench.look().is_settling
    bench.clock.advance(0.9)
    bench.has("1", age_s=0.0, tag="changed")
    assert bench.look().is_settling
    bench.clock.advance(1.0)
    assert numbers(bench.look()) == [1]


def test_a_stores_clock_that_is_behind_lets_nothing_through_early(bench: Bench) -> None:
    bench.has("1", age_s=30.0)
    assert numbers(bench.look()) is None


@pytest.mark.parametrize(
    "failure", [errors.Unavailable("down"), errors.PermissionDenied("403")], ids=["down", "denied"]
)
def test_a_store_that_fails_changes_nothing_and_is_asked_less_and_less_often(
    bench: Bench, failure: errors.SeawayError
) -> None:
    bench.has("1")
    assert numbers(bench.look()) == [1]
    bench.store.failure = failure
    looks = [bench.look() for _ in range(5)]
    assert [look.aspired for look in looks] == [None] * 5
    assert [look.wait_s for look in looks] == [10.0, 20.0, 40.0, 60.0, 60.0]
    assert {look.problem.message for look in looks if look.problem} == {f"model 'm': {failure.message}"}


def test_it_is_told_how_a_models_store_answers_for_as_long_as_the_model_is_looked_for(bench: Bench) -> None:
    bench.look()
    assert bench.told.up == {"m": True}
    bench.store.failure = errors.Unavailable("down")
    bench.look()
    assert bench.told.up == {"m": False}
    bench.store.failure = errors.NotFound("nothing is there")
    bench.look()
    assert bench.told.up == {"m": True}, "a store that has nothing answers"
    bench.source.forget("m")
    bench.source.forget("never looked for")
    assert bench.told.up == {}


def test_a_model_that_is_forgotten_while_its_store_is_asked_is_told_no_more(bench: Bench) -> None:
    listed = bench.store.list

    def forgotten_meanwhile(timeout_s: float, inside: str = "") -> tuple[StoredFile, ...]:
        bench.source.forget("m")
        return listed(timeout_s, inside)

    bench.look()
    bench.store.list = forgotten_meanwhile  # type: ignore[method-assign]
    bench.look()
    assert bench.told.up == {}


def test_a_model_that_has_moved_to_a_directory_has_no_store_any_more(bench: Bench, tmp_path: Path) -> None:
    directories = FileSystemSource(SourceOptions(), bench.clock)
    source = AnySource(directories, bench.source)
    source.look(bench.model)
    assert bench.told.up == {"m": True}
    source.look(ModelConfig("m", str(tmp_path)))
    assert bench.told.up == {}


def test_after_an_outage_versions_count_as_changed_so_that_failed_loads_are_tried_anew(bench: Bench) -> None:
    bench.has("1")
    before = bench.look().aspired
    bench.store.failure = errors.Unavailable("down")
    bench.look()
    bench.store.failure = None
    assert bench.look().wait_s == 10.0
    after = bench.look().aspired
    assert before is not None
    assert after is not None
    assert after[0].path == before[0].path
    assert after[0].fingerprint != before[0].fingerprint
    assert bench.look().aspired == after


def test_a_source_that_begins_while_the_store_is_down_goes_by_the_last_listing_and_the_copies_there_are(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.has("1")
    bench.fetch(bench.look())
    bench.has("2", tag="other")
    assert numbers(bench.look()) == [1, 2]
    bench.store.failure = errors.Unavailable("down")
    bench.restart()
    looks = [bench.look() for _ in range(3)]
    assert [numbers(look) for look in looks] == [[1]] * 3
    assert [look.wait_s for look in looks] == [10.0, 20.0, 40.0]
    assert caplog.text.count("model 'm': down; until it answers, what it listed last is served from the cache") == 1
    bench.store.failure = None
    assert numbers(bench.look()) == [1, 2]
    bench.store.failure = errors.Unavailable("down")
    assert bench.look().aspired is None, "once it has answered, what is aspired stays"


@pytest.mark.parametrize(
    "failure", [errors.NotFound("no bucket"), errors.Unavailable("down")], ids=["gone", "no-copies"]
)
def test_a_source_that_begins_without_copies_or_without_a_bucket_has_nothing(
    bench: Bench, failure: errors.SeawayError
) -> None:
    bench.has("1")
    look = bench.look()
    if isinstance(failure, errors.NotFound):
        bench.fetch(look)
    bench.store.failure = failure
    bench.restart()
    assert bench.look().aspired is None


def test_a_store_with_nothing_in_it_unloads_nothing_and_is_no_outage(bench: Bench) -> None:
    bench.store.failure = errors.NotFound("s3://bucket/m cannot be listed: nothing is there")
    look = bench.look()
    assert look.aspired is None
    assert look.wait_s == 10.0


def test_a_version_that_was_let_through_stays_while_its_files_go_one_by_one(bench: Bench) -> None:
    bench.has("1")
    bench.has("2")
    assert numbers(bench.look()) == [1, 2]
    del bench.store.files["2/saved_model.pb"]
    assert numbers(bench.look()) == [1, 2]
    bench.store.files = {path: file for path, file in bench.store.files.items() if path.startswith("1/")}
    assert numbers(bench.look()) == [1]


def test_what_was_forgotten_is_looked_at_as_new(bench: Bench) -> None:
    bench.has("1", age_s=0.0)
    bench.look()
    bench.clock.advance(5.0)
    bench.source.forget("m")
    bench.has("1", age_s=0.0)
    assert bench.look().is_settling


def test_a_base_url_that_is_itself_a_model_is_version_one_with_a_warning() -> None:
    trees, warnings = trees_of("https://me:pass@host/m", (StoredFile("saved_model.pb", 1), StoredFile("assets/a", 1)))
    assert list(trees) == [1]
    assert trees[1].url == "https://me:pass@host/m"
    assert warnings == (
        "https://[REDACTED]@host/m is itself a model; it is served as version 1. Move it to "
        "https://[REDACTED]@host/m/1, so that a later version can be put beside it",
    )


def test_of_two_directories_with_one_number_one_is_served_and_one_named() -> None:
    trees, warnings = trees_of(URL, (StoredFile("1/saved_model.pb", 1), StoredFile("001/saved_model.pb", 2)))
    assert trees[1].url == f"{URL}/1"
    assert warnings == (f"{URL}/001 is ignored: another directory has the same number",)


def test_a_sight_has_the_size_and_what_is_missing() -> None:
    trees, _ = trees_of(URL, (StoredFile("1/variables/variables.index", 7, "t", 5.0),))
    sight = sight_of(trees[1], 0)
    assert (sight.size_bytes, sight.newest_s) == (7, 65.0)
    assert len(sight.missing) == 2


@pytest.mark.parametrize(("failures", "expected"), [(1, 5.0), (2, 10.0), (5, 60.0), (10_000, 60.0)])
def test_pauses_double_up_to_a_bound(failures: int, expected: float) -> None:
    assert pause_s(failures, 5.0, 60.0) == expected


def test_each_model_is_looked_at_where_it_is(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "3").mkdir()
    bench.has("1")
    source = AnySource(FileSystemSource(SourceOptions(), bench.clock), bench.source)
    assert numbers(source.look(bench.model)) == [1]
    local = dataclasses.replace(bench.model, name="n", base_path=f"file://{tmp_path}")
    assert source.look(local).problem is not None
    assert bench.store.opened == [URL]
