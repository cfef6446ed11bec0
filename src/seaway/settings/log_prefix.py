"""What the prefix of a request log may be: the beginning of a local file's name, or of an object's in a store.

The schemes that can be written to are listed here and not asked of fsspec, which also knows many that make no sense for
a log: archives, caches, a process's own memory. Nothing is opened; whether a package is installed is asked, so that a
config that cannot work is refused and not found out about by the first file.
"""

from __future__ import annotations

from importlib.util import find_spec
from urllib.parse import quote, unquote, urlsplit

from seaway import extras
from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.stores.url import local_path, scheme_of, shown

_PACKAGES = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3"), "gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs")}
"""What writes to each kind of URL, and the extra that brings it."""
_REFUSED = {
    "http": "nothing can be written there",
    "https": "nothing can be written there",
    "memory": "what is written there is gone with the process",
}
_LONGEST_NAME = 255
"""Bytes of a file's name on Linux."""


def is_url(prefix: str) -> bool:
    """Tell whether a prefix that was checked is no local path."""
    return bool(scheme_of(prefix))


def spool_name(url: str) -> str:
    """Return the name of the directory in which what goes to a URL's directory waits; `destination` undoes it."""
    return quote(url.rpartition("/")[0], safe="")


def destination(name: str) -> str:
    """Return the URL of the directory that what waits in a directory of this name goes to."""
    return unquote(name)


def checked_prefix(model: str, prefix: str, needs_package: bool = True) -> str:
    """Return a prefix as it is used: a local path, relative or not, or a URL that can be written to.

    Raises:  InvalidArgument - it ends no file's name, or is of a kind that cannot be written to;
             FailedPrecondition - the package that writes there is not installed.
    """
    named = f"model {model!r} has the filename_prefix {shown(prefix)!r}"
    if scheme_of(prefix) == "file":
        prefix = str(local_path(prefix)) + ("/" if prefix.endswith("/") else "")
    if not prefix or prefix.endswith("/"):
        raise InvalidArgument(f'{named}; give the beginning of a file name: filename_prefix: "/var/log/seaway/{model}"')
    if is_url(prefix):
        _check_url(named, prefix)
        if needs_package:
            _check_package(named, scheme_of(prefix))
    return prefix


def _check_url(named: str, prefix: str) -> None:
    scheme, parts = scheme_of(prefix), urlsplit(prefix)
    if scheme not in _PACKAGES:
        why = _REFUSED.get(scheme, "nothing here writes there")
        fits = ", ".join(f"{each}://" for each in _PACKAGES)
        raise InvalidArgument(f"{named}, and {why}; fits: a local path, file://, {fits}")
    if not parts.netloc or not parts.path.strip("/"):
        raise InvalidArgument(f"{named}; it needs a bucket and a name: {scheme}://BUCKET/NAME")
    if "@" in parts.netloc:
        raise InvalidArgument(f"{named}, which holds credentials; give them by the environment")
    length = len(spool_name(prefix))
    if length > _LONGEST_NAME:
        raise InvalidArgument(
            f"{named}; files wait in a directory of its name, whose {length} letters are more than {_LONGEST_NAME}"
        )


def _check_package(named: str, scheme: str) -> None:
    package, extra = _PACKAGES[scheme]
    if find_spec(package) is None:
        raise FailedPrecondition(f"{named}, which needs the package {package}; {extras.command(extra)}")
