"""Makes the fsspec file system of an address; the packages are imported here and only when an address asks for them.

Credentials are what each package finds by itself: the usual variables, files, and roles of the machine. No listing is
kept: a listing that is a minute old would hide a new version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from seaway import extras
from seaway.errors import FailedPrecondition, InvalidArgument, Unimplemented
from seaway.stores.url import scheme_of, shown

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_CONNECT_S = 5
_READ_S = 30
_PART_BYTES = 16 << 20
_PARTS_AT_ONCE = 4

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "http": "http", "https": "http", "memory": "store"}
_PACKAGES = {"s3": "s3fs", "gcs": "gcsfs", "http": "aiohttp", "store": "fsspec"}


def filesystem(url: str) -> AbstractFileSystem:
    """Return the file system that an address is of.

    Raises:  FailedPrecondition - a package is missing; Unimplemented - nobody knows the scheme.
    """
    scheme = scheme_of(url)
    try:
        fsspec = import_module("fsspec")
        made: type[AbstractFileSystem] = fsspec.get_filesystem_class(scheme)
    except ImportError as err:
        raise _missing(scheme, shown(url), err) from err
    except ValueError as err:
        raise Unimplemented(
            f"{shown(url)}: {scheme}:// is not supported; use s3://, gs://, http://, https:// or a path"
        ) from err
    return made(use_listings_cache=False, skip_instance_cache=True, **_options(scheme))


def is_read_only(url: str) -> bool:
    """Tell whether nothing can be written there."""
    return scheme_of(url) in {"http", "https"}


def refuse_credentials(url: str) -> None:
    """Return if the address holds no credentials, or its scheme has a place for them.

    Raises:  InvalidArgument - it holds some and has none.
    """
    scheme = scheme_of(url)
    if _EXTRAS.get(scheme) in {"s3", "gcs"} and "@" in urlsplit(url).netloc:
        raise InvalidArgument(
            f"{shown(url)} holds credentials, which {scheme}:// has no place for; give them by the environment "
            "(docs/model-store.md)"
        )


def _options(scheme: str) -> Mapping[str, object]:
    options: dict[str, Callable[[], Mapping[str, object]]] = {"s3": _s3, "http": _http}
    make = options.get(_EXTRAS.get(scheme, ""))
    return make() if make is not None else {}


def _s3() -> Mapping[str, object]:
    # s3fs tries again by itself; beneath it nobody should, or a store that is down takes minutes to say so.
    config = {"connect_timeout": _CONNECT_S, "read_timeout": _READ_S, "retries": {"max_attempts": 1}}
    return {"config_kwargs": config, "default_block_size": _PART_BYTES, "max_concurrency": _PARTS_AT_ONCE}


def _http() -> Mapping[str, object]:
    aiohttp: Any = import_module("aiohttp")
    # No limit to the whole: a file takes as long as it takes while bytes come.
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_READ_S)
    # Compressed on the way, a file has another size than the store says.
    headers = {"Accept-Encoding": "identity"}
    return {"simple_links": False, "client_kwargs": {"timeout": timeout, "headers": headers}}


def _missing(scheme: str, url: str, err: ImportError) -> FailedPrecondition:
    extra = _EXTRAS.get(scheme)
    if extra is None:
        return FailedPrecondition(f"{url} needs a package that is not installed: {err}")
    return FailedPrecondition(
        f"{url} needs the package {_PACKAGES[extra]}, which is not installed ({err.__cause__ or err}); "
        f"{extras.command(extra)}"
    )
