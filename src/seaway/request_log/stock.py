"""The files of one prefix by their names: which are complete, in which order they were begun, and which must go. Pure.

    PREFIX-20260131T235959Z-PID-N.FORM            complete
    .PREFIX-20260131T235959Z-PID-N.tfrecord.part  being written by the plane, or left by one that is gone

Source: crates/plane/src/request_log/files.rs, which names them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from seaway.request_log.writing import FORMS, Form

_STAMP = re.compile(r"(?P<utc>\d{8}T\d{6}Z)-(?P<pid>\d+)-(?P<number>\d+)")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
PART = ".part"


@dataclass(frozen=True, slots=True, order=True)
class LogFile:
    """A complete file; the order is that in which files were begun."""

    utc: str
    pid: int
    number: int
    prefix: str
    form: Form

    @property
    def name(self) -> str:
        """Its name in its directory."""
        return f"{self.prefix}-{self.utc}-{self.pid}-{self.number}.{self.form}"

    def name_of(self, replica: str) -> str:
        """Return its name where files of several replicas meet, whose process ids and moments may be the same."""
        return f"{self.prefix}-{self.utc}-{replica}-{self.pid}-{self.number}.{self.form}"


def parse(name: str, prefix: str) -> LogFile | None:
    """Return the complete file of that name; None for any other, such as one of a prefix that only begins like it."""
    if not name.startswith(f"{prefix}-"):
        return None
    stamp, _, ending = name[len(prefix) + 1 :].rpartition(".")
    match = _STAMP.fullmatch(stamp)
    if match is None:
        return None
    for form in FORMS:
        if form == ending:
            return LogFile(match["utc"], int(match["pid"]), int(match["number"]), prefix, form)
    return None


def prefix_of(name: str) -> str:
    """Return the prefix of a complete file in a directory whose prefixes are not known; empty for any other file."""
    stem, _, ending = name.rpartition(".")
    match = re.fullmatch(rf"(?P<prefix>[^.].*)-{_STAMP.pattern}", stem)
    return match["prefix"] if match is not None and ending in FORMS else ""


def is_part(name: str, prefix: str) -> bool:
    """Tell whether a file of this prefix is being written."""
    return name.startswith(f".{prefix}-") and name.endswith(PART) and parse(name[1 : -len(PART)], prefix) is not None


def too_many(files: Iterable[tuple[LogFile, int]], other_bytes: int, most_bytes: int) -> list[LogFile]:
    """Return the oldest files that must go, so that all with their sizes and `other_bytes` are `most_bytes` at most."""
    found = sorted(files)
    total = other_bytes + sum(size for _, size in found)
    gone = []
    for file, size in found:
        if total <= most_bytes:
            break
        gone.append(file)
        total -= size
    return gone


def pause_s(failures: int) -> float:
    """Return the time until the next try after so many failures in a row."""
    return float(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** max(0, failures - 1)))
