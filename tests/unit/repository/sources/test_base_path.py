"""How a base path is read: what counts as a version, and what is said when it cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seaway import errors
from seaway.repository.sources.base_path import read_layout
from seaway.stores.layout import version_number


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1", 1),
        ("0", 0),
        ("007", 7),
        ("20240131", 20240131),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("9" * 5000, None),
        ("0" * 50 + "5", 5),
        ("-1", None),
        ("+1", None),
        ("1.0", None),
        (" 1", None),
        ("1_0", None),
        ("٣", None),
        ("", None),
        ("tmp", None),
    ],
)
def test_only_decimal_names_are_versions(name: str, expected: int | None) -> None:
    assert version_number(name) == expected


def test_directories_named_by_numbers_are_versions_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("1", "002", "latest", ".tmp-3"):
        (tmp_path / name).mkdir()
    (tmp_path / "4").write_text("a file")

    assert read_layout("m", str(tmp_path)).versions == {1: tmp_path / "1", 2: tmp_path / "002"}


def test_link_to_a_directory_is_a_version(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "3").symlink_to(tmp_path / "real")

    assert read_layout("m", str(tmp_path)).versions == {3: tmp_path / "3"}


def test_duplicate_versions_warn_and_the_last_name_wins(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "001").mkdir()

    layout = read_layout("m", str(tmp_path))

    assert layout.versions == {1: tmp_path / "1"}
    assert layout.warnings == (f"{tmp_path} holds version 1 twice: 1 is used, 001 is ignored",)


@pytest.mark.parametrize("file", ["saved_model.pb", "saved_model.pbtxt"])
def test_base_path_that_is_a_model_is_version_one_with_a_warning(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_bytes(b"x")
    (tmp_path / "variables").mkdir()

    layout = read_layout("m", str(tmp_path))

    assert layout.versions == {1: tmp_path}
    assert f"Move it to {tmp_path / '1'}" in layout.warnings[0]


def test_version_directories_win_over_a_model_beside_them(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    (tmp_path / "5").mkdir()

    assert read_layout("m", str(tmp_path)).versions == {5: tmp_path / "5"}


def test_file_uri_is_a_path(tmp_path: Path) -> None:
    (tmp_path / "a b" / "1").mkdir(parents=True)

    assert read_layout("m", f"file://{tmp_path}/a%20b").versions == {1: tmp_path / "a b" / "1"}


def test_missing_base_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match=f"base path {tmp_path}/no of model 'm' does not exist"):
        read_layout("m", f"{tmp_path}/no")


def test_base_path_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")

    with pytest.raises(errors.FailedPrecondition, match="cannot be listed"):
        read_layout("m", f"{tmp_path}/file")


def test_unreadable_base_path_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)  # root, which runs the tests in a container, may read everything

    with pytest.raises(errors.PermissionDenied, match="may not be read"):
        read_layout("m", str(tmp_path))


def test_remote_base_path_says_what_to_do_instead() -> None:
    with pytest.raises(errors.Unimplemented, match="gs:// is not supported here; copy it to a directory"):
        read_layout("m", "gs://bucket/m")
