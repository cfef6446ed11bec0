"""What a store says of the files of a version, and the name under which a copy of them is kept. Pure.

Two listings with the same digest are the same files: names, sizes, and what the store gives to tell contents apart (a
checksum, an ETag, a time). Only a checksum is of the content: files that were written in the same second have one time,
and what many web servers call an ETag is time and size. So without checksums the address is part of the digest.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the content of a file must add up to, in hexadecimal."""

    kind: str
    """`md5` or `crc32c`."""
    value: str
    is_certain: bool = True
    """False for S3's ETag: it is the MD5 of what was uploaded at once, unless a key of KMS has encrypted it."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of a store."""

    path: str
    """Relative to what was listed, with `/` between its parts."""
    size_bytes: int | None
    """None where the store does not say."""
    tag: str = ""
    """Differs when the content does; empty where the store gives nothing of the kind."""
    modified_s: float = math.inf
    """Last change, in seconds since the epoch; infinite where the store does not say."""
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of one version in a store."""

    url: str
    files: tuple[StoredFile, ...]

    @property
    def size_bytes(self) -> int:
        """Size of its files together."""
        return sum(file.size_bytes or 0 for file in self.files)

    @property
    def newest_s(self) -> float:
        """The latest change to any of them."""
        return max((file.modified_s for file in self.files), default=math.inf)

    @property
    def digest(self) -> str:
        """Name of these very contents: letters and digits."""
        digest = hashlib.sha256()
        for file in sorted(self.files, key=lambda each: each.path):
            digest.update(f"{file.path}\0{file.size_bytes}\0{file.tag}\n".encode("utf-8", "surrogateescape"))
        if not all(file.checksum for file in self.files):
            digest.update(f"\0{self.url}".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()[:40]


def below(files: Iterable[StoredFile], directory: str) -> tuple[StoredFile, ...]:
    """Return the files of a directory of a listing, their paths relative to it."""
    prefix = f"{directory}/"
    return tuple(
        StoredFile(file.path.removeprefix(prefix), file.size_bytes, file.tag, file.modified_s, file.checksum)
        for file in files
        if file.path.startswith(prefix)
    )


def stored_file(path: str, entry: Mapping[str, object], is_s3: bool) -> StoredFile:
    """Return what an entry of a listing says, in whatever words the store says it."""
    size = entry.get("size")
    modified_s = _modified_s(entry)
    checksum = _checksum(entry, is_s3)
    etag = str(entry.get("ETag") or entry.get("etag") or "").strip('"')
    tag = f"{checksum.kind}:{checksum.value}" if checksum is not None else etag
    if not tag and not math.isinf(modified_s):
        tag = f"modified:{modified_s:.6f}"
    return StoredFile(path, size if isinstance(size, int) else None, tag, modified_s, checksum)


def _checksum(entry: Mapping[str, object], is_s3: bool) -> Checksum | None:
    for key, kind in (("md5Hash", "md5"), ("Content-MD5", "md5"), ("crc32c", "crc32c")):
        value = entry.get(key)
        if isinstance(value, str) and (decoded := _from_base64(value)):
            return Checksum(kind, decoded)
    etag = str(entry.get("ETag") or "").strip('"').lower()
    return Checksum("md5", etag, is_certain=False) if is_s3 and _MD5.fullmatch(etag) else None


def _from_base64(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""


def _modified_s(entry: Mapping[str, object]) -> float:
    for key in ("LastModified", "mtime", "updated", "created", "Last-Modified"):
        match entry.get(key):
            case datetime() as moment:
                return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
            case float() | int() as seconds:
                return float(seconds)
            case str() as text if text:
                return _parsed_s(text)
    return math.inf


def _parsed_s(text: str) -> float:
    for parse in (parsedate_to_datetime, _iso):
        try:
            moment = parse(text)
        except (TypeError, ValueError):
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    return math.inf


def _iso(text: str) -> datetime:
    # Python 3.10 does not read the `Z`.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
