"""The file-system source on real directories, in virtual time."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from seaway import errors
from seaway.repository.options import SourceOptions
from seaway.repository.source import Look
from seaway.repository.sources.file_system import FileSystemSource
from seaway.settings.model_config import AllVersions, LatestVersions, ModelConfig, SpecificVersions, VersionPolicy
from tests.support.fakes import FakeClock

HOUR_S = 3600.0
LATEST = LatestVersions()


@pytest.fixture
def clock() -> FakeClock:
    """Wall time is that of the files, so that they are fresh until the test lets time pass."""
    return FakeClock(wall_s=time.time())


@pytest.fixture
def source(clock: FakeClock) -> FileSystemSource:
    return FileSystemSource(SourceOptions(settle_s=1.0, incomplete_s=10.0), clock)


@pytest.fixture
def look(source: FileSystemSource, tmp_path: Path) -> Callable[..., Look]:
    def look_with(policy: VersionPolicy = LATEST) -> Look:
        return source.look(ModelConfig("m", str(tmp_path), version_policy=policy))

    return look_with


def write_version(base: Path, name: str, content: bytes = b"graph") -> Path:
    directory = base / name
    directory.mkdir()
    (directory / "saved_model.pb").write_bytes(content)
    return directory


def numbers(look: Look) -> list[int] | None:
    return None if look.aspired is None else [version.id.version for version in look.aspired]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        pytest.param(LatestVersions(), [17], id="latest"),
        pytest.param(LatestVersions(2), [3, 17], id="latest-two"),
        pytest.param(AllVersions(), [1, 3, 17], id="all"),
        pytest.param(SpecificVersions(frozenset({1, 3})), [1, 3], id="specific"),
    ],
)
def test_old_directories_are_aspired_at_first_look(
    tmp_path: Path, clock: FakeClock, look: Callable[..., Look], policy: VersionPolicy, expected: list[int]
) -> None:
    for name in ("1", "3", "017", "not_a_version"):
        write_version(tmp_path, name)
    clock.advance(HOUR_S)

    found = look(policy)

    assert numbers(found) == expected
    assert found.problem is None
    assert not found.is_settling


def test_fresh_directory_is_aspired_after_it_lay_still(
    tmp_path: Path, clock: FakeClock, look: Callable[..., Look]
) -> None:
    write_version(tmp_path, "1")

    first = look()
    clock.advance(1.0)
    second = look()

    assert (numbers(first), first.is_settling) == (None, True)
    assert first.problem is not None
    assert first.problem.message == "model 'm' is being copied: version 1 is still changing"
    assert (numbers(second), second.is_settling) == ([1], False)


def test_the_one_before_stays_aspired_while_the_next_is_copied(
    tmp_path: Path, clock: FakeClock, look: Callable[..., Look]
) -> None:
    write_version(tmp_path, "1")
    clock.advance(HOUR_S)
    assert numbers(look()) == [1]
    clock.set_wall(time.time())

    version_2 = tmp_path / "2"
    version_2.mkdir()
    while_empty = look()
    clock.advance(1.0)
    (version_2 / "variables").mkdir()
    (version_2 / "variables/variables.index").write_bytes(b"i")
    (version_2 / "saved_model.pb").write_bytes(b"graph")
    while_incomplete = look()
    clock.advance(5.0)
    still_incomplete = look()
    clock.set_wall(time.time())
    (version_2 / "variables/variables.data-00000-of-00001").write_bytes(b"v")
    just_complete = look()
    clock.advance(1.0)

    assert [numbers(each) for each in (while_empty, while_incomplete, still_incomplete, just_complete)] == [[1]] * 4
    assert numbers(look()) == [2]


def test_incomplete_and_abandoned_is_aspired_so_that_its_load_says_why(
    tmp_path: Path, clock: FakeClock, look: Callable[..., Look]
) -> None:
    (tmp_path / "1").mkdir()

    assert numbers(look()) is None
    clock.advance(10.0)

    assert numbers(look()) == [1]


def test_changed_files_give_a_new_fingerprint_once_they_settle(
    tmp_path: Path, clock: FakeClock, look: Callable[..., Look]
) -> None:
    directory = write_version(tmp_path, "1", b"broken")
    clock.advance(HOUR_S)
    before = look().aspired
    clock.set_wall(time.time())
    (directory / "saved_model.pb").write_bytes(b"repaired!")

    while_fresh = look()
    clock.advance(1.0)
    after = look().aspired

    assert while_fresh.aspired == before
    assert while_fresh.is_settling
    assert before is not None
    assert after is not None
    assert before[0].id == after[0].id
    assert before[0].fingerprint != after[0].fingerprint
    assert after[0].size_bytes == len(b"repaired!")


def test_removed_directory_is_no_longer_aspired(tmp_path: Path, clock: FakeClock, look: Callable[..., Look]) -> None:
    write_version(tmp_path, "1")
    write_version(tmp_path, "2")
    clock.advance(HOUR_S)
    assert numbers(look()) == [2]

    shutil.rmtree(tmp_path / "2")
    assert numbers(look()) == [1]
    shutil.rmtree(tmp_path / "1")
    found = look()

    assert numbers(found) == []
    assert isinstance(found.problem, errors.NotFound)


def test_loaded_version_stays_aspired_while_its_files_are_deleted_one_by_one(
    tmp_path: Path, clock: FakeClock, look: Callable[..., Look]
) -> None:
    directory = write_version(tmp_path, "1")
    clock.advance(HOUR_S)
    assert numbers(look()) == [1]

    (directory / "saved_model.pb").unlink()

    assert numbers(look()) == [1]


def test_missing_base_path_changes_nothing_and_says_so(look: Callable[..., Look], tmp_path: Path) -> None:
    tmp_path.rmdir()

    found = look()

    assert found.aspired is None
    assert isinstance(found.problem, errors.NotFound)


def test_empty_base_path_shows_how_to_lay_it_out(look: Callable[..., Look], tmp_path: Path) -> None:
    found = look()

    assert numbers(found) == []
    assert found.problem is not None
    assert f"for instance {tmp_path}/1/saved_model.pb" in found.problem.message


def test_specific_version_that_is_not_there_is_named(
    tmp_path: Path, clock: FakeClock, look: Callable[..., Look], caplog: pytest.LogCaptureFixture
) -> None:
    write_version(tmp_path, "1")
    clock.advance(HOUR_S)

    with caplog.at_level(logging.WARNING):
        found = look(SpecificVersions(frozenset({7})))
        look(SpecificVersions(frozenset({7})))

    assert numbers(found) == []
    assert found.problem is not None
    assert found.problem.message == "no version of model 'm' that its policy asks for is there; found: 1"
    assert caplog.text.count("version 7 of model 'm' is asked for") == 1


def test_base_path_that_is_a_model_is_served_as_version_one(
    tmp_path: Path, clock: FakeClock, look: Callable[..., Look], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    clock.advance(HOUR_S)

    with caplog.at_level(logging.WARNING):
        found = look()
        look()

    assert numbers(found) == [1]
    assert found.aspired is not None
    assert found.aspired[0].path == tmp_path
    assert caplog.text.count("is itself a SavedModel") == 1


def test_forgotten_model_settles_anew(source: FileSystemSource, tmp_path: Path, clock: FakeClock) -> None:
    write_version(tmp_path, "1")
    model = ModelConfig("m", str(tmp_path))
    source.look(model)
    clock.advance(1.0)
    assert numbers(source.look(model)) == [1]
    clock.set_wall(time.time() - HOUR_S)

    source.forget("m")

    assert numbers(source.look(model)) is None
