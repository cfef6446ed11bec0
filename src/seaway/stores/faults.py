"""What goes wrong between us and a store, in our own errors: which package raised what is nobody else's business.

Source: botocore and aiohttp name their exceptions; they are told apart by name, since none of them need be installed.
"""

from __future__ import annotations

import asyncio
import errno

from seaway import errors
from seaway.stores.url import shown

_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "RefreshError"}
_STATUSES: dict[int, type[errors.SeawayError]] = {
    401: errors.Unauthenticated,
    403: errors.PermissionDenied,
    404: errors.NotFound,
}
_RAISED: tuple[tuple[type[BaseException], type[errors.SeawayError]], ...] = (
    (PermissionError, errors.PermissionDenied),
    (FileNotFoundError, errors.NotFound),
    (FileExistsError, errors.AlreadyExists),
    (asyncio.CancelledError, errors.Cancelled),
)
_CONDITIONS = {"PreconditionFailed", "ConditionalRequestConflict", "412"}
"""What stores of S3's API answer to who writes what must not be there yet; not all say which condition it was."""
_SHOWN_CHARACTERS = 300
_FULL = {errno.ENOSPC, errno.EDQUOT}


def as_seaway_error(err: BaseException, doing: str) -> errors.SeawayError:
    """Return the error that says what could not be done; `doing` is a sentence without its end.

    Credentials that the words of a library hold are hidden.
    """
    if isinstance(err, errors.SeawayError):
        return err
    words = " ".join(shown(str(err)).split())[:_SHOWN_CHARACTERS] or type(err).__name__
    kind = _kind(err)
    if kind is errors.Unauthenticated:
        return errors.PermissionDenied(
            f"{doing}: {words}; give credentials by the environment or the machine's role (docs/model-store.md)"
        )
    return kind(f"{doing}: {words}")


def was_there(err: BaseException) -> bool:
    """Tell whether a file could not be created because it is there, or because somebody else writes it right now.

    Source:  https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html, and s3fs/errors.py
    """
    response = getattr(err, "response", None) or getattr(err.__cause__, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return isinstance(err, FileExistsError) or code in _CONDITIONS


def _kind(err: BaseException) -> type[errors.SeawayError]:
    if type(err).__name__ in _NO_CREDENTIALS:
        return errors.Unauthenticated
    status = getattr(err, "status", None) or getattr(err, "code", None)
    if isinstance(status, int) and status in _STATUSES:
        return _STATUSES[status]
    if isinstance(err, OSError) and err.errno in _FULL:
        return errors.ResourceExhausted
    return next((kind for raised, kind in _RAISED if isinstance(err, raised)), errors.Unavailable)
