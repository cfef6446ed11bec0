"""Every failure that Seaway reports, as one tree whose leaves carry the canonical status codes.

Nothing here knows HTTP or gRPC: the two edges map `code` to their own numbers, the core only says what went wrong.

    SeawayError                       code  name
    ├── Cancelled                        1  CANCELLED
    ├── Unknown                          2  UNKNOWN
    ├── InvalidArgument                  3  INVALID_ARGUMENT
    ├── DeadlineExceeded                 4  DEADLINE_EXCEEDED
    ├── NotFound                         5  NOT_FOUND
    ├── AlreadyExists                    6  ALREADY_EXISTS
    ├── PermissionDenied                 7  PERMISSION_DENIED
    ├── ResourceExhausted                8  RESOURCE_EXHAUSTED
    ├── FailedPrecondition               9  FAILED_PRECONDITION
    ├── Aborted                         10  ABORTED
    ├── OutOfRange                      11  OUT_OF_RANGE
    ├── Unimplemented                   12  UNIMPLEMENTED
    ├── Internal                        13  INTERNAL
    ├── Unavailable                     14  UNAVAILABLE
    ├── DataLoss                        15  DATA_LOSS
    └── Unauthenticated                 16  UNAUTHENTICATED

A message names the value, the bound it broke and what to do about it.

Source: google/rpc/code.proto for the numbers and names.
"""

from __future__ import annotations

from typing import ClassVar

OK = 0
"""The code of success. It has no class, because success is not raised."""


class SeawayError(Exception):
    """A failure with a canonical code; the code of the root itself is UNKNOWN."""

    code: ClassVar[int] = 2
    name: ClassVar[str] = "UNKNOWN"

    def __init__(self, message: str) -> None:
        """Keep the sentence that is shown to whoever can act on it."""
        super().__init__(message)
        self.message = message


class Cancelled(SeawayError):
    """The one who asked no longer wants the answer."""

    code = 1
    name = "CANCELLED"


class Unknown(SeawayError):
    """A failure that came without a usable code."""

    code = 2
    name = "UNKNOWN"


class InvalidArgument(SeawayError):
    """What was asked is wrong whatever the state of the server."""

    code = 3
    name = "INVALID_ARGUMENT"


class DeadlineExceeded(SeawayError):
    """The time that was allowed ran out."""

    code = 4
    name = "DEADLINE_EXCEEDED"


class NotFound(SeawayError):
    """A named model, version, file or signature does not exist."""

    code = 5
    name = "NOT_FOUND"


class AlreadyExists(SeawayError):
    """What was to be created is there already."""

    code = 6
    name = "ALREADY_EXISTS"


class PermissionDenied(SeawayError):
    """The caller is known and not allowed to do this."""

    code = 7
    name = "PERMISSION_DENIED"


class ResourceExhausted(SeawayError):
    """Memory, a queue or another bounded resource is full."""

    code = 8
    name = "RESOURCE_EXHAUSTED"


class FailedPrecondition(SeawayError):
    """The request is well formed, but the server is not in the state it needs."""

    code = 9
    name = "FAILED_PRECONDITION"


class Aborted(SeawayError):
    """Something else that ran at the same time made this impossible; try again from the start."""

    code = 10
    name = "ABORTED"


class OutOfRange(SeawayError):
    """An index or position beyond the end."""

    code = 11
    name = "OUT_OF_RANGE"


class Unimplemented(SeawayError):
    """This server does not offer the operation."""

    code = 12
    name = "UNIMPLEMENTED"


class Internal(SeawayError):
    """One of our own invariants is broken."""

    code = 13
    name = "INTERNAL"


class Unavailable(SeawayError):
    """Not now; the same request may succeed in a moment."""

    code = 14
    name = "UNAVAILABLE"


class DataLoss(SeawayError):
    """Data that was written cannot be read back whole."""

    code = 15
    name = "DATA_LOSS"


class Unauthenticated(SeawayError):
    """The caller did not prove who it is."""

    code = 16
    name = "UNAUTHENTICATED"


_BY_CODE: dict[int, type[SeawayError]] = {
    error.code: error
    for error in (
        Cancelled,
        Unknown,
        InvalidArgument,
        DeadlineExceeded,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        ResourceExhausted,
        FailedPrecondition,
        Aborted,
        OutOfRange,
        Unimplemented,
        Internal,
        Unavailable,
        DataLoss,
        Unauthenticated,
    )
}

_NAMES: dict[int, str] = {OK: "OK", **{code: error.name for code, error in _BY_CODE.items()}}


def from_code(code: int, message: str) -> SeawayError:
    """Return the error of that canonical code; a code outside 1..16 becomes Unknown and says which it was.

    Raises:  ValueError - code is OK (0), which is no error.
    """
    if code == OK:
        raise ValueError(f"code 0 is OK and has no error; message: {message!r}")
    error = _BY_CODE.get(code)
    return error(message) if error else Unknown(f"{message} (status code {code} is not one of 0..16)")


def code_name(code: int) -> str:
    """Return the canonical name of a code, for instance 5 → `NOT_FOUND`; `UNKNOWN` outside 0..16."""
    return _NAMES.get(code, Unknown.name)
