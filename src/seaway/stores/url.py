"""Addresses of stores: what is one, what lies below it, and how it is shown without what it keeps secret.

A path without `scheme://` is a directory, and so is `file://`. Credentials belong in the environment; where an address
holds them all the same, they are hidden wherever the address is shown.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from seaway.errors import InvalidArgument

HIDDEN = "[REDACTED]"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
# A password may hold anything but what ends it: the last `@` before a slash, space or quote.
_USER = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/'\"<>]*@")
_QUERY = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^\s?#'\"<>]*)\?[^\s'\"<>]*")


def scheme_of(path: str) -> str:
    """Return the scheme in lower case; empty for a path of the file system."""
    match = _SCHEME.match(path)
    return match[1].lower() if match else ""


def is_remote(path: str) -> bool:
    """Tell whether files have to be fetched from there: it is a URL, and not of this machine's files."""
    return scheme_of(path) not in {"", "file"}


def local_path(path: str) -> Path:
    """Return the directory that a path or a `file://` URL names."""
    return Path(unquote(urlsplit(path).path)) if scheme_of(path) == "file" else Path(path)


def joined(base: str, *parts: str) -> str:
    """Return what lies below a path or URL."""
    if not is_remote(base):
        return str(local_path(base).joinpath(*parts))
    return "/".join([base.rstrip("/"), *parts])


def relative(path: str, what: str) -> str:
    """Return a path that stays inside what it is relative to.

    Raises:  InvalidArgument - it does not; `what` says whose path it is.
    """
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\0" in path or "\\" in path:
        raise InvalidArgument(f"{what} names {path!r}, which is no path inside it")
    return str(pure)


def without_user(text: str) -> str:
    """Return an address, or a text that holds some, without user and password."""
    return _USER.sub(rf"\1{HIDDEN}@", text)


def shown(text: str) -> str:
    """Return an address, or a text that holds some, without user, password and query, which may be a signature."""
    return _QUERY.sub(rf"\1?{HIDDEN}", without_user(text))
