"""The log of a server: text or JSON lines, written so that a full disk can never stop serving.

A line that cannot be written is dropped and counted, and the standard error stream is told once: raising would kill the
thread that logs, waiting would block it. Messages go through Python's own logging, so libraries join in.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from seaway.errors import InvalidArgument
from seaway.settings.operation import Logging

_OWN_FIELDS = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """One readable line per message, its time in UTC: `2026-01-02T03:04:05.678Z INFO seaway.serving: …`."""

    def __init__(self) -> None:
        """Fix the form of the line."""
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """Return the time of the record in UTC with milliseconds."""
        return _utc(record)


class JsonFormatter(logging.Formatter):
    """One JSON object per line; what a caller passes as `extra` becomes fields of it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        fields: dict[str, Any] = {
            "time": _utc(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        fields |= {key: value for key, value in vars(record).items() if key not in _OWN_FIELDS}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return json.dumps(fields, ensure_ascii=False, default=str)


if TYPE_CHECKING:
    _TextHandler = logging.StreamHandler[TextIO]
else:
    _TextHandler = logging.StreamHandler  # Python 3.10 cannot subscript it


class DroppingHandler(_TextHandler):
    """Writes to a stream; what cannot be written is dropped, counted in `dropped` and reported once."""

    def __init__(self, stream: TextIO, report: TextIO) -> None:
        """Write to `stream`, and tell `report` about the first line that was lost."""
        super().__init__(stream)
        self.dropped = 0
        self._report = report

    def handleError(self, record: logging.LogRecord) -> None:
        """Count the line; say so the first time, if even that can be written."""
        self.dropped += 1
        if self.dropped == 1:
            with contextlib.suppress(OSError, ValueError):
                reason = sys.exc_info()[1]
                self._report.write(f"seaway: a log line could not be written ({reason}); it and others are dropped\n")
                self._report.flush()


def set_up(settings: Logging, stderr: TextIO) -> DroppingHandler:
    """Send everything that is logged to where the settings say, and return the handler that does it.

    Raises:  InvalidArgument - the log file cannot be opened.
    """
    handler = DroppingHandler(_stream(settings.file, stderr), stderr)
    handler.setFormatter(JsonFormatter() if settings.format == "json" else TextFormatter())
    root = logging.getLogger()
    for old in [known for known in root.handlers if isinstance(known, DroppingHandler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.level.upper())
    return handler


def _stream(file: str, stderr: TextIO) -> TextIO:
    if not file:
        return stderr
    try:
        return Path(file).open("a", encoding="utf-8", buffering=1)
    except OSError as err:
        raise InvalidArgument(f"logging.file {file!r} cannot be opened: {err}; name a writable file") from err


def _utc(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"
