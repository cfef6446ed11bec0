"""Every package's exceptions, in our own words."""

from __future__ import annotations

import asyncio
import errno

import pytest

from seaway import errors
from seaway.stores.faults import as_seaway_error, was_there


class NoCredentialsError(Exception):
    """As botocore names it."""


class ResponseError(Exception):
    """As aiohttp's: it carries a status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status}, url='https://me:pass@host/m?sig=x'")
        self.status = status


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        pytest.param(FileNotFoundError("no bucket"), errors.NotFound, id="not-found"),
        pytest.param(PermissionError("Access Denied"), errors.PermissionDenied, id="denied"),
        pytest.param(NoCredentialsError("none"), errors.PermissionDenied, id="no-credentials"),
        pytest.param(ResponseError(401), errors.PermissionDenied, id="401"),
        pytest.param(ResponseError(403), errors.PermissionDenied, id="403"),
        pytest.param(ResponseError(404), errors.NotFound, id="404"),
        pytest.param(ResponseError(503), errors.Unavailable, id="503"),
        pytest.param(OSError(errno.ENOSPC, "No space left"), errors.ResourceExhausted, id="disk-full"),
        pytest.param(OSError(5, "Reduce your request rate"), errors.Unavailable, id="slow-down"),
        pytest.param(asyncio.TimeoutError(), errors.Unavailable, id="timeout"),
        pytest.param(ConnectionResetError(), errors.Unavailable, id="reset"),
        pytest.param(errors.Aborted("ours"), errors.Aborted, id="ours-stays"),
    ],
)
def test_what_was_raised_has_a_code_and_hides_what_is_secret(
    raised: Exception, expected: type[errors.SeawayError]
) -> None:
    error = as_seaway_error(raised, "s3://b/m cannot be listed")
    assert type(error) is expected
    assert "pass" not in error.message
    assert "sig=x" not in error.message


class ClientError(Exception):
    """As botocore's: it carries what the store has answered."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.response = {"Error": {"Code": code}}


def translated(code: str) -> OSError:
    """As s3fs translates an answer that it does not know the reason of."""
    error = OSError(errno.EINVAL, code)
    error.__cause__ = ClientError(code)
    return error


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        pytest.param(FileExistsError("there"), True, id="said-plainly"),
        pytest.param(translated("PreconditionFailed"), True, id="without-the-condition"),
        pytest.param(translated("ConditionalRequestConflict"), True, id="written-at-this-moment"),
        pytest.param(ClientError("412"), True, id="not-translated"),
        pytest.param(translated("AccessDenied"), False, id="denied"),
        pytest.param(ConnectionResetError(), False, id="reset"),
    ],
)
def test_who_comes_second_to_create_a_file_is_told_from_who_cannot_write(raised: Exception, expected: bool) -> None:
    assert was_there(raised) is expected


def test_missing_credentials_say_where_to_give_them() -> None:
    assert "docs/model-store.md" in as_seaway_error(NoCredentialsError("none"), "x").message


def test_an_exception_without_words_is_named_by_its_kind() -> None:
    assert as_seaway_error(ConnectionResetError(), "x").message == "x: ConnectionResetError"
