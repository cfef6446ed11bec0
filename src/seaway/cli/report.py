"""`seaway report`: what a model did over a time, as a page to keep, print and send.

The verb turns options into values and writes what `seaway.monitor.report` finds; it is imported only when it is asked
for, since every other verb starts sooner without it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seaway.cli.recorded import monitor_imports, recorded
from seaway.clock import SystemClock
from seaway.errors import InvalidArgument

if TYPE_CHECKING:
    from seaway.monitor.report.asked import Latency

_DAY_MS = 86_400_000
_FINE_MS, _COARSE_MS = 60_000, 900_000
_SHORTEST_S, _LONGEST_S = 120.0, 400.0 * 86_400
_DECIMAL_SECONDS = re.compile(r"\d*\.?\d+s")


def report(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")],
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="How long ago to begin.")] = "7d",
    store: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", help="Directory of the monitor; the default is the user's."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write; MODEL-report.html here.")
    ] = None,
    objective: Annotated[
        float, typer.Option("--objective", metavar="SHARE", help="Of requests that shall not fail.")
    ] = 0.999,
    latency: Annotated[
        str, typer.Option("--latency", metavar="TIME:SHARE", help="Of requests in this time, for instance 0.2s:0.99.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON and write no page.")] = False,
) -> None:
    """Report on a model over a time, from what a monitor recorded: objectives, trends, incidents, versions.

    The page needs no script and fetches nothing. For instance: `seaway report m --since 7d --latency 0.2s:0.99`.
    """
    with monitor_imports():
        import msgspec  # noqa: PLC0415 - see above

        from seaway.monitor.report.asked import Asked  # noqa: PLC0415
        from seaway.monitor.report.figures import figures  # noqa: PLC0415
        from seaway.monitor.report.page import page  # noqa: PLC0415

    now = SystemClock().wall()
    start_ms, end_ms = span(since, now)
    asked = Asked(model, start_ms, end_ms, objective, parse_latency(latency))
    with recorded(store) as opened:
        found = figures(opened, asked)
    if as_json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    file = output or Path(default_name(model))
    file.write_text(page(found, now), encoding="utf-8")
    print(f"the report is {file}", file=sys.stderr)


def span(since: str, now: float) -> tuple[int, int]:
    """Return begin and end in milliseconds, on the edges of rows that the store has, so that none is cut.

    Raises:  InvalidArgument - it is no duration, or out of bounds.
    """
    from seaway.monitor.alerts.rule import seconds  # noqa: PLC0415 - see above

    since_s = seconds(since)
    if not _SHORTEST_S <= since_s <= _LONGEST_S:
        raise InvalidArgument(f"--since {since} is not between 2m and 400d, for which data are kept")
    end_ms = round(now * 1000) // _FINE_MS * _FINE_MS
    row_ms = _COARSE_MS if since_s * 1000 >= _DAY_MS else _FINE_MS
    return (end_ms - round(since_s * 1000)) // row_ms * row_ms, end_ms


def parse_latency(text: str) -> Latency | None:
    """Return the latency objective; None when none was given.

    Raises:  InvalidArgument - it is not TIME:SHARE.
    """
    from seaway.monitor.alerts.rule import seconds  # noqa: PLC0415 - see above
    from seaway.monitor.report.asked import Latency  # noqa: PLC0415

    if not text:
        return None
    within, _, share = text.rpartition(":")
    try:
        # Rules have whole numbers of units only; 0.2s is what people write.
        within_s = float(within[:-1]) if _DECIMAL_SECONDS.fullmatch(within) else seconds(within or "none")
        return Latency(within_s, float(share))
    except (ValueError, InvalidArgument) as err:
        raise InvalidArgument(f"--latency {text!r} is not TIME:SHARE, for instance 0.2s:0.99") from err


def default_name(model: str) -> str:
    """Return the name of the page's file; a model's name may hold what no file's name should."""
    return (re.sub(r"[^A-Za-z0-9_.-]+", "-", model).strip(".-")[:100] or "model") + "-report.html"
