"""What is said of a model that its source cannot find: why, and whether it is looked for again. Pure.

TensorFlow Serving starts without a model too, and serves it as soon as it is there. Who mistyped a path must not take
that for a start that succeeded, so it is said what is looked for, where, and how often.
"""

from __future__ import annotations

import logging

from seaway.errors import NotFound, SeawayError, Unavailable


def absence(problem: SeawayError, next_look_s: float | None) -> tuple[int, str]:
    """Return the level and the line for the log.

    Args:    next_look_s - from this look to the next one; None when there is none, which polling every 0 s means.
    """
    said = problem.message
    if isinstance(problem, Unavailable):  # It passes, and how long it takes is for what is not available to say.
        return logging.WARNING, said
    level = logging.WARNING if isinstance(problem, NotFound) else logging.ERROR
    if next_look_s is None:
        return level, (
            f"{said}; it is not looked for again, since models.file_system_poll_wait_seconds is 0: "
            "reload the configuration or start again when it is there"
        )
    if isinstance(problem, NotFound):
        return level, f"{said}; it is looked for every {next_look_s:g} s and served as soon as it is there"
    return level, f"{said}; it is looked at again every {next_look_s:g} s"
