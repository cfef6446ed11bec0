"""A line of JSON for each request: where it is written, and for how many."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.settings.declaration import setting


@dataclass(frozen=True, slots=True)
class AccessLog:
    """Who asked for what, how it ended and where its time went, without what was sent; docs/tracing.md."""

    path: str = setting(
        "",
        "File that lines are added to; it is opened anew when it is moved away, so that logrotate needs nothing else. "
        "`-` means the standard output, empty none.",
        flag="--access-log-path",
    )
    sampling: float = setting(
        1.0,
        "The share of requests that end well which is logged. Errors always are.",
        flag="--access-log-sampling",
        unit="share",
        at_least=0,
        at_most=1,
    )
