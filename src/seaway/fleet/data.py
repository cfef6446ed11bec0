"""Values that can be compared, written down, read again, and told apart by a short digest."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

DIGEST_LENGTH = 10


class Data(Struct, frozen=True, omit_defaults=True):
    """A value that can be compared, written down and read again."""


def digest(value: object) -> str:
    """Return a short hash of a value's content that is the same in every process."""
    content = msgspec.json.encode(value, order="deterministic")
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]
