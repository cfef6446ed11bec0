"""Which package an address needs, and what is said without it."""

from __future__ import annotations

import sys
from importlib.util import find_spec

import pytest

from seaway import errors
from seaway.stores.filesystems import filesystem
from seaway.stores.opened import Stores, open_store


@pytest.mark.parametrize(
    ("url", "package"),
    [
        pytest.param("s3://b/m", "s3fs", id="s3"),
        pytest.param("gs://b/m", "gcsfs", id="gs"),
        pytest.param("https://h/m", "aiohttp", id="https"),
    ],
)
def test_a_missing_package_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, url: str, package: str
) -> None:
    def missing(_: str) -> None:
        raise ImportError(f"Install {package}")

    monkeypatch.setattr("fsspec.get_filesystem_class", missing)
    with pytest.raises(errors.FailedPrecondition, match=rf"needs the package {package}.*pip install .*'{package}>="):
        filesystem(url)


def test_without_fsspec_nothing_but_urls_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(errors.FailedPrecondition, match=r"pip install .*s3fs"):
        filesystem("s3://b/m")


def test_a_scheme_that_nobody_knows_is_refused_with_those_there_are() -> None:
    with pytest.raises(errors.Unimplemented, match="floppy:// is not supported; use s3://, gs://"):
        filesystem("floppy://a/m")


@pytest.mark.skipif(find_spec("adlfs") is not None, reason="the package that would be missing is installed")
def test_a_package_beyond_ours_is_named_in_fsspecs_words() -> None:
    with pytest.raises(errors.FailedPrecondition, match="adlfs"):
        filesystem("abfs://container/m")


@pytest.mark.parametrize("url", ["s3://key:secret@bucket/m", "gs://token@bucket/m"])
def test_credentials_in_the_address_of_a_bucket_are_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        open_store(url)
    assert "[REDACTED]@bucket" in caught.value.message
    assert "secret" not in caught.value.message.replace("[REDACTED]", "")
    assert "token" not in caught.value.message


def test_the_stores_of_one_scheme_share_a_session_whoever_the_user_is(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def noted(url: str) -> object:
        made.append(url)
        return object()

    monkeypatch.setattr("seaway.stores.opened.filesystem", noted)
    stores = Stores()
    for url in ("https://me:pass@host/m", "https://me:pass@host/m", "https://host/n", "memory://m"):
        stores.open(url)
    assert made == ["https://me:pass@host/m", "memory://m"]
