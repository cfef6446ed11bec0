"""What entries of listings say, and which trees are the same."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from datetime import datetime, timezone

import pytest

from seaway.stores.tree import Checksum, StoredFile, Tree, below, stored_file

MD5 = "0123456789abcdef0123456789abcdef"
MOMENT = datetime(2026, 11, 27, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("entry", "is_s3", "checksum", "tag"),
    [
        pytest.param({"ETag": f'"{MD5}"'}, True, Checksum("md5", MD5, False), f"md5:{MD5}", id="s3-put-at-once"),
        pytest.param({"ETag": f'"{MD5}-7"'}, True, None, f"{MD5}-7", id="s3-in-parts"),
        pytest.param({"ETag": f'"{MD5}"'}, False, None, MD5, id="etag-of-a-web-server-is-no-checksum"),
        pytest.param(
            {"md5Hash": base64.b64encode(bytes.fromhex(MD5)).decode(), "etag": "x"},
            False,
            Checksum("md5", MD5),
            f"md5:{MD5}",
            id="gcs-md5",
        ),
        pytest.param(
            {"crc32c": "yZRlqg==", "etag": "x"},
            False,
            Checksum("crc32c", "c99465aa"),
            "crc32c:c99465aa",
            id="gcs-composite",
        ),
        pytest.param({"md5Hash": "no base64!"}, False, None, "", id="nonsense"),
        pytest.param({"LastModified": MOMENT}, False, None, f"modified:{MOMENT.timestamp():.6f}", id="time-alone"),
        pytest.param({}, False, None, "", id="nothing"),
    ],
)
def test_contents_are_told_apart_by_what_the_store_gives(
    entry: Mapping[str, object], is_s3: bool, checksum: Checksum | None, tag: str
) -> None:
    file = stored_file("a", {"size": 3, **entry}, is_s3)
    assert (file.checksum, file.tag, file.size_bytes) == (checksum, tag, 3)


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"LastModified": MOMENT}, id="s3"),
        pytest.param({"updated": "2026-11-27T12:00:00.000Z"}, id="gcs"),
        pytest.param({"Last-Modified": "Fri, 27 Nov 2026 12:00:00 GMT"}, id="http"),
        pytest.param({"created": MOMENT.timestamp()}, id="memory"),
        pytest.param({"LastModified": MOMENT.replace(tzinfo=None)}, id="without-zone-is-utc"),
    ],
)
def test_times_are_read_in_every_stores_words(entry: Mapping[str, object]) -> None:
    assert stored_file("a", entry, False).modified_s == MOMENT.timestamp()


@pytest.mark.parametrize("entry", [{}, {"updated": "yesterday"}, {"mtime": None}])
def test_a_file_without_a_time_is_as_fresh_as_can_be(entry: Mapping[str, object]) -> None:
    assert stored_file("a", entry, False).modified_s == math.inf


def tree(url: str = "s3://b/m/1", size: int = 1, tag: str = "t", path: str = "a") -> Tree:
    return Tree(url, (StoredFile(path, size, tag, checksum=Checksum("md5", tag) if tag else None),))


def test_the_same_contents_have_one_digest_wherever_they_are() -> None:
    assert tree().digest == tree("gs://other/m/2").digest


@pytest.mark.parametrize("other", [tree(size=2), tree(tag="u"), tree(path="b")], ids=["size", "tag", "name"])
def test_other_contents_have_another_digest(other: Tree) -> None:
    assert other.digest != tree().digest


def test_where_nothing_tells_contents_apart_the_address_does() -> None:
    assert tree(tag="").digest != tree("s3://other/m/1", tag="").digest


def test_a_time_or_a_web_servers_etag_tells_no_contents_apart() -> None:
    def written_in_the_same_second(url: str) -> Tree:
        return Tree(url, (StoredFile("saved_model.pb", 9143, "modified:1795000000.000000"),))

    first, second = map(written_in_the_same_second, ("http://host/m/1", "http://host/m/2"))
    assert first.digest != second.digest


def test_what_is_below_a_directory_is_named_from_there() -> None:
    files = (StoredFile("1/a", 1), StoredFile("10/b", 1), StoredFile("1/c/d", 2))
    assert [file.path for file in below(files, "1")] == ["a", "c/d"]
