"""What stores listed last comes back as it was, or not at all."""

from __future__ import annotations

import math
from pathlib import Path

from seaway.stores.listings import Listings
from seaway.stores.tree import Checksum, StoredFile

FILES = (
    StoredFile("1/saved_model.pb", 10, "md5:ab", 5.5, Checksum("md5", "ab", is_certain=False)),
    StoredFile("1/assets/ü", None, "", math.inf),
)


def test_a_listing_comes_back_as_it_was(tmp_path: Path) -> None:
    listings = Listings(tmp_path / "kept")
    listings.remember("s3://b/m", FILES)
    listings.remember("s3://b/n", FILES[:1])
    assert Listings(tmp_path / "kept").recall("s3://b/m") == FILES
    assert listings.recall("s3://b/n") == FILES[:1]
    assert listings.recall("s3://b/other") is None


def test_the_address_and_its_password_are_not_written(tmp_path: Path) -> None:
    Listings(tmp_path).remember("https://me:pass@host/m", FILES)
    (file,) = tmp_path.iterdir()
    assert "pass" not in file.name + file.read_text()


def test_a_listing_that_cannot_be_read_or_written_is_none(tmp_path: Path) -> None:
    listings = Listings(tmp_path)
    listings.remember("s3://b/m", FILES)
    (file,) = tmp_path.iterdir()
    file.write_text("[{")
    assert listings.recall("s3://b/m") is None
    (tmp_path / "file").write_text("no directory")
    Listings(tmp_path / "file").remember("s3://b/m", FILES)
