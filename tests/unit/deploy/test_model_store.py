"""Which versions a deployer sees in a store."""

from __future__ import annotations

from collections.abc import Iterator

import fsspec
import pytest

from seaway.deploy.model_store import models_in, versions_in

MODEL = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """The file system that all `memory://` URLs share, empty before and after."""
    filesystem = fsspec.filesystem("memory")
    filesystem.store.clear()
    yield filesystem
    filesystem.store.clear()


def test_of_a_url_only_whole_versions_can_be_deployed(memory: fsspec.AbstractFileSystem) -> None:
    for version, names in (("1", MODEL), ("002", MODEL), ("3", MODEL[1:]), ("4", MODEL[:2]), ("latest", MODEL)):
        for name in names:
            memory.pipe_file(f"memory://models/digits/{version}/{name}", b"x")
    assert versions_in("memory://models", "digits") == (1, 2)


def test_a_model_that_is_not_there_has_no_versions(memory: fsspec.AbstractFileSystem) -> None:
    assert versions_in("memory://models", "digits") == ()


def test_the_models_of_a_url_are_the_directories_that_hold_a_version(memory: fsspec.AbstractFileSystem) -> None:
    for path in ("digits/1/saved_model.pb", "sums/7/model.onnx", "notes/readme.txt", "top.txt", ".seaway/x/1.json"):
        memory.pipe_file(f"memory://models/{path}", b"x")
    assert models_in("memory://models") == ("digits", "sums")
