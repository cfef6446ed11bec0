"""What workers print becomes lines of the server's log, with the worker's name and a sensible level.

TensorFlow marks its lines `I`, `W`, `E` or `F`, in two layouts (LiteRT writes words), and is loud about what is not
wrong: its errors are logged as warnings, and what TF_CPP_MIN_LOG_LEVEL asks to leave out is left out here too, because
TensorFlow itself ignores it while it starts. Anything else a worker prints is a warning: it should not have printed at
all.
"""

from __future__ import annotations

import logging
import re

_MARK = re.compile(r"^(?:\d{4}-\d\d-\d\d [\d:.]+: )?([IWEF])(?:\d{4} | |NFO: |ARNING: |RROR: )")
_SEVERITY = "IWEF"
_LEVELS = {"I": logging.DEBUG, "W": logging.INFO, "E": logging.WARNING, "F": logging.ERROR}
_HARMLESS = (
    "failed call to cuInit",  # there is no GPU, which is no error
    "All log messages before absl::InitializeLog",
)
_MAX_LINE_BYTES = 8 * 1024


class OutputLines:
    """Cuts one worker's output into lines and logs them."""

    def __init__(self, name: str, log: logging.Logger, min_severity: int) -> None:
        """Begin with no output; `min_severity` counts as TF_CPP_MIN_LOG_LEVEL does."""
        self._name = name
        self._log = log
        self._min_severity = min_severity
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Log every line that `data` completes; no data means the end, which completes the last line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not data or len(self._rest) > _MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._log_line(line.decode(errors="replace").rstrip())

    def _log_line(self, line: str) -> None:
        if line:
            self._log.log(level_of(line, self._min_severity), "%s: %s", self._name, line)


def level_of(line: str, min_severity: int) -> int:
    """Return the level at which a worker's line belongs in the server's log; DEBUG for what was asked to be left out.

    Source: xla/tsl/platform/default/logging.cc; absl/log/internal/log_format.cc; tensorflow/lite/minimal_logging.cc
    """
    if any(text in line for text in _HARMLESS):
        return logging.DEBUG
    mark = _MARK.match(line)
    if mark is None:
        return logging.WARNING
    severity = mark.group(1)
    return _LEVELS[severity] if _SEVERITY.index(severity) >= min_severity else logging.DEBUG
