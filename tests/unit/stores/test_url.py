"""What is an address, what lies below it, and what of it is shown."""

from __future__ import annotations

import pytest

from seaway.errors import InvalidArgument
from seaway.stores.url import is_remote, joined, local_path, relative, scheme_of, shown, without_user


@pytest.mark.parametrize(
    ("path", "scheme", "remote"),
    [
        pytest.param("/models/m", "", False, id="path"),
        pytest.param("models/m", "", False, id="relative"),
        pytest.param("file:///models/m", "file", False, id="file"),
        pytest.param("s3://bucket/m", "s3", True, id="s3"),
        pytest.param("GS://bucket/m", "gs", True, id="upper-case"),
        pytest.param("https://host/m", "https", True, id="https"),
        pytest.param("memory://m", "memory", True, id="memory"),
        pytest.param("c:/m", "", False, id="a-colon-is-no-scheme"),
    ],
)
def test_what_has_a_scheme_is_remote_unless_it_is_a_file(path: str, scheme: str, remote: bool) -> None:
    assert scheme_of(path) == scheme
    assert is_remote(path) is remote


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        pytest.param("s3://bucket/models/", "s3://bucket/models/m/1", id="slash-at-the-end"),
        pytest.param("http://host", "http://host/m/1", id="host-alone"),
        pytest.param("/models", "/models/m/1", id="path"),
        pytest.param("file:///my%20models", "/my models/m/1", id="file"),
    ],
)
def test_what_lies_below_is_joined_by_slashes(base: str, expected: str) -> None:
    assert joined(base, "m", "1") == expected


def test_a_file_url_is_unquoted() -> None:
    assert str(local_path("file:///my%20models/m")) == "/my models/m"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("s3://bucket/m", "s3://bucket/m", id="nothing-to-hide"),
        pytest.param("https://me:pa@ss@host/m", "https://[REDACTED]@host/m", id="password-with-an-at"),
        pytest.param("https://token@host/m", "https://[REDACTED]@host/m", id="user-alone"),
        pytest.param("https://host/m?X-Signature=abc", "https://host/m?[REDACTED]", id="signature"),
        pytest.param(
            "cannot GET 'https://me:pass@host/m?a=b': 500",
            "cannot GET 'https://[REDACTED]@host/m?[REDACTED]': 500",
            id="inside-a-sentence",
        ),
        pytest.param("mail me@host", "mail me@host", id="no-address"),
    ],
)
def test_user_password_and_query_are_never_shown(text: str, expected: str) -> None:
    assert shown(text) == expected


def test_a_query_alone_may_stay() -> None:
    assert without_user("https://me:pass@host/m?a=b") == "https://[REDACTED]@host/m?a=b"


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "", "a\0b", "a\\..\\b"])
def test_a_path_that_leaves_its_place_is_refused(path: str) -> None:
    with pytest.raises(InvalidArgument, match="no path inside it"):
        relative(path, "the store")
