"""`seaway query`: ask what a monitor has kept, in PromQL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from seaway.cli.recorded import monitor_imports, recorded
from seaway.clock import SystemClock, utc


def query(
    question: Annotated[
        str, typer.Argument(metavar="PROMQL", help="For instance up, or rate(seaway_requests_total[5m]).")
    ],
    directory: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", help="Where the monitor keeps what it sees; it may be running."),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="DURATION", help="Answers over time, from so long ago until now: 1h, 7d.")
    ] = "",
    step: Annotated[str, typer.Option("--step", metavar="DURATION", help="Between two answers.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask what a monitor has kept: one answer now, or many over time."""
    with monitor_imports():
        from seaway.monitor.alerts.rule import seconds  # noqa: PLC0415 - other verbs start sooner without them
        from seaway.monitor.query.evaluate import query as ask  # noqa: PLC0415
        from seaway.monitor.query.evaluate import query_range, rows  # noqa: PLC0415

    with recorded(directory) as store:
        now = round(SystemClock().wall() * 1000)
        if since:
            span = round(seconds(since) * 1000)
            width = round(seconds(step) * 1000) if step else max(1000, span // 60)
            moments, answer = query_range(store, question, now - span, now, width)
            found = rows(answer, list(moments.times))
        else:
            found = rows(ask(store, question, now), [now])
    if as_json:
        typer.echo(
            json.dumps(
                [{"metric": labels, "values": [[at / 1000, value] for at, value in pairs]} for labels, pairs in found]
            )
        )
        return
    if not found:
        typer.echo("no answer: nothing of that name and those labels was seen in that time", err=True)
    for labels, pairs in found:
        for at, value in pairs:
            typer.echo((f"{utc(at / 1000)}  " if since else "") + f"{_shown(labels)}  {value:g}")


def _shown(labels: dict[str, Any]) -> str:
    # Labels are whatever a server says: nothing of them may reach the terminal as more than text.
    return "{" + ", ".join(f"{name}={value!r}" for name, value in sorted(labels.items())) + "}"
