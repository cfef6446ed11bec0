"""`seaway top`: models and servers in a terminal, live.

The verb turns its options into values and makes one call; everything else is in `seaway.monitor.top`, which is imported
only when it is asked for: every other verb starts sooner without it.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from seaway.cli.recorded import monitor_imports
from seaway.errors import InvalidArgument

_DEFAULT = "127.0.0.1:8501"
_SORTS = ("requests", "p99", "errors", "memory")
_PIPE_COLUMNS = 200


def top(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    addresses: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ADDRESS...]", help=f"REST addresses, or URLs of metrics; {_DEFAULT}.", show_default=False
        ),
    ] = None,
    targets_file: Annotated[
        Path | None,
        typer.Option("--targets-file", metavar="FILE", help="Servers as in Prometheus' file_sd; read at each look."),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", help="How often servers are looked at, 0.1 to 3600.")
    ] = 2.0,
    sort: Annotated[str, typer.Option("--sort", metavar="FIGURE", help=f"{', '.join(_SORTS)}.")] = "requests",
    signatures: Annotated[bool, typer.Option("--signatures", help="A row for each signature.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Look twice, print what there is to see, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print each view as a line of JSON.")] = False,
) -> None:
    """Watch models and servers: requests, latencies, errors, where the time goes, and which replica is slow.

    It asks the servers themselves, Seaway's and TensorFlow Serving's; no monitor is needed. Keys: `q` quit,
    `s` signatures, `r` sort, `p` pause, `?` help. For instance: `seaway top`, `seaway top a:8501 b:8501`,
    `seaway top --once --json`.
    """
    check(interval, sort, is_live=not (once or as_json), is_terminal=sys.stdout.isatty())
    from rich.console import Console  # noqa: PLC0415 - see above

    from seaway.clock import SystemClock  # noqa: PLC0415

    with monitor_imports():
        from seaway.monitor.collect import targets  # noqa: PLC0415
        from seaway.monitor.collect.fetch import fetch  # noqa: PLC0415
        from seaway.monitor.top import keys, screen, show, watch  # noqa: PLC0415

    named = [targets.target(address) for address in addresses or ([] if targets_file else [_DEFAULT])]
    discoveries = [lambda: named, *([targets.from_file(targets_file)] if targets_file else [])]
    clock = SystemClock()
    wish = screen.Wish(sort=sort, per_signature=signatures)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # A name that the terminal cannot show ends nothing.
    with show.signals_raise(), closing(watch.Watch(targets.all_of(discoveries), fetch, clock, interval)) as watching:
        if not (once or as_json):
            raise typer.Exit(show.live(watching, Console(), keys.Keys(sys.stdin.fileno()), wish))
        try:
            for view in [show.after_two_looks(watching, clock)] if once else show.views(watching, clock):
                if as_json:
                    print(show.as_json(view, sort), flush=True)
                else:
                    console = Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS)
                    console.print(screen.screen(view, wish, console.width))
        except BrokenPipeError:
            # Whoever reads has enough. Nothing is left to say, also not by Python's own flush at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not watching.latest.up:
            raise typer.Exit(1)


def check(interval: float, sort: str, is_live: bool, is_terminal: bool) -> None:
    """Refuse what cannot be done.

    Raises:  InvalidArgument - says what, and what to do.
    """
    if not 0.1 <= interval <= 3600:  # noqa: PLR2004 - as it says
        raise InvalidArgument(f"--interval {interval:g}: expected 0.1 to 3600 seconds")
    if sort not in _SORTS:
        raise InvalidArgument(f"--sort {sort}: expected one of {', '.join(_SORTS)}")
    if is_live and (not is_terminal or os.environ.get("TERM") == "dumb"):
        raise InvalidArgument("the live view needs a terminal; use --once or --json")
