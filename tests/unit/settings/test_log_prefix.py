"""Prefixes of request logs: paths, and URLs that can be written to."""

from __future__ import annotations

import pytest

from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.settings import log_prefix
from seaway.settings.log_prefix import checked_prefix, destination, spool_name


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("/var/log/m", "/var/log/m", id="path"),
        pytest.param("log/m", "log/m", id="relative-path"),
        pytest.param("file:///var/log/a%20b/m", "/var/log/a b/m", id="path-as-a-url"),
        pytest.param("s3://bucket/log/m", "s3://bucket/log/m", id="s3"),
    ],
)
def test_a_prefix_is_a_path_or_a_url(prefix: str, expected: str) -> None:
    assert checked_prefix("m", prefix) == expected


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        pytest.param("", "the beginning of a file name", id="nothing"),
        pytest.param("/var/log/", "the beginning of a file name", id="directory"),
        pytest.param("file:///var/log/", "the beginning of a file name", id="directory-as-a-url"),
        pytest.param("s3://bucket/log/", "the beginning of a file name", id="directory-of-a-bucket"),
        pytest.param("s3://bucket", "it needs a bucket and a name", id="bucket-only"),
        pytest.param("https://host/m", "nothing can be written there; fits: a local path, file://, s3://", id="https"),
        pytest.param("memory://a/m", "is gone with the process", id="memory"),
        pytest.param("ftp://host/m", "nothing here writes there", id="another-scheme"),
        pytest.param("s3://key:secret@bucket/m", "holds credentials", id="credentials"),
        pytest.param(f"s3://bucket/{'x/' * 100}m", "letters are more than 255", id="too-long-to-wait-for"),
    ],
)
def test_a_prefix_that_cannot_be_written_to_is_refused(prefix: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why) as refused:
        checked_prefix("m", prefix)
    assert "secret" not in refused.value.message


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_prefix, "find_spec", lambda _: None)
    with pytest.raises(FailedPrecondition, match=r"needs the package gcsfs; pip install .*gcsfs"):
        checked_prefix("m", "gs://bucket/m")
    assert checked_prefix("m", "gs://bucket/m", needs_package=False) == "gs://bucket/m"


def test_the_directory_of_a_url_is_told_by_the_name_it_waits_under() -> None:
    name = spool_name("s3://bucket/a b/%2f/m")
    assert "/" not in name
    assert destination(name) == "s3://bucket/a b/%2f"
