"""Versions are exported to a store behind a URL: fsspec's own store in memory stands for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from seaway.errors import ResourceExhausted, SeawayError, Unavailable, Unimplemented
from seaway.export.save import save
from seaway.export.url_store import UrlStore
from seaway.stores.remote import RemoteStore
from seaway.stores.store import Watch

URL = "memory://models/m"


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    """An empty store in memory."""
    found = fsspec.filesystem("memory")
    found.store.clear()
    yield found
    found.store.clear()


def export(content: bytes = b"graph") -> tuple[int, str]:
    store = UrlStore(URL)
    with store.begin() as draft:
        (draft / "saved_model.pb").write_bytes(content)
        (draft / "variables").mkdir()
        (draft / "variables" / "variables.index").write_bytes(b"index")
        published = store.publish(draft)
    assert not draft.exists()
    return published.version, published.place


def files(memory: fsspec.AbstractFileSystem) -> list[str]:
    return sorted(memory.find("/models"))


def test_versions_follow_one_another_and_nothing_else_stays(memory: fsspec.AbstractFileSystem) -> None:
    assert export() == (1, f"{URL}/1")
    assert export() == (2, f"{URL}/2")
    assert UrlStore(URL).versions() == (1, 2)
    assert files(memory) == [
        f"/models/m/{version}/{name}" for version in (1, 2) for name in ("saved_model.pb", "variables/variables.index")
    ]


def test_exports_at_the_same_time_get_numbers_of_their_own(memory: fsspec.AbstractFileSystem) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(export, [b"%d" % number for number in range(8)]))
    assert sorted(version for version, _ in found) == list(range(1, 9))
    contents = {memory.cat_file(f"/models/m/{version}/saved_model.pb") for version in range(1, 9)}
    assert len(contents) == 8, "no version holds another one's graph"


def test_a_number_that_another_has_claimed_is_left_to_it(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe_file("/models/m/1/.seaway-claim", b"")
    assert export() == (2, f"{URL}/2")
    assert "/models/m/1/.seaway-claim" in files(memory)


def test_a_number_that_another_has_filled_since_it_was_looked_for_is_left_to_it(
    memory: fsspec.AbstractFileSystem,
) -> None:
    class Overtaken(RemoteStore):
        """Somebody exports a whole version between the look and the claim."""

        def create(self, path: str) -> None:
            if path == "1/.seaway-claim":
                assert export(b"theirs") == (1, f"{URL}/1")
            super().create(path)

    store = UrlStore(URL, Overtaken(URL))
    with store.begin() as draft:
        (draft / "saved_model.pb").write_bytes(b"ours")
        assert store.publish(draft).version == 2
    assert memory.cat_file("/models/m/1/saved_model.pb") == b"theirs"
    assert memory.cat_file("/models/m/2/saved_model.pb") == b"ours"


def test_after_the_largest_number_there_is_none(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe_file(f"/models/m/{2**63 - 1}/saved_model.pb", b"graph")
    with pytest.raises(ResourceExhausted, match="is taken, and none is higher"):
        export()


def test_an_upload_that_fails_leaves_nothing(memory: fsspec.AbstractFileSystem) -> None:
    class Full(RemoteStore):
        """Takes the small file and not the graph."""

        def _put(self, file: Path, path: str, watch: Watch) -> None:
            if path.endswith("saved_model.pb"):
                raise Unavailable("the store is full")
            super()._put(file, path, watch)

    store = UrlStore(URL, Full(URL))
    with store.begin() as draft, pytest.raises(Unavailable, match="full"):
        (draft / "saved_model.pb").write_bytes(b"graph")
        (draft / "notes").write_bytes(b"n")
        store.publish(draft)
    assert files(memory) == []


def test_numbers_that_are_always_taken_are_given_up_with_a_reason(memory: fsspec.AbstractFileSystem) -> None:
    class Hidden(RemoteStore):
        """Somebody claims every number just before."""

        def create(self, path: str) -> None:
            super().create(path)
            super().create(path)

    store = UrlStore(URL, Hidden(URL))
    with store.begin() as draft, pytest.raises(ResourceExhausted, match="were taken meanwhile"):
        (draft / "saved_model.pb").write_bytes(b"graph")
        store.publish(draft)


def test_a_web_server_is_refused_with_what_to_do() -> None:
    with pytest.raises(Unimplemented, match="export to s3://, gs:// or a directory"):
        UrlStore("https://example.org/models/m")


@pytest.mark.parametrize(
    ("store", "why"),
    [
        pytest.param("https://example.org/models/m", "is for reading only", id="a-web-server"),
        pytest.param("s3://key:secret@bucket/m", "holds credentials", id="credentials"),
        pytest.param("nowhere://m", "nowhere:// is not supported", id="no-such-scheme"),
        pytest.param(Path("s3://bucket/m"), "no URL any more; give the URL as text", id="a-path-of-a-url"),
    ],
)
def test_a_store_that_cannot_be_written_is_refused_before_the_model_is_asked(store: str | Path, why: str) -> None:
    with pytest.raises(SeawayError, match=why) as caught:
        save(object(), store)
    assert "secret" not in caught.value.message
