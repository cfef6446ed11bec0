"""How far a run is, for whoever waits at a terminal; nothing where nobody does.

The bar is drawn by a thread of its own a few times a second: the load generator only leaves numbers behind.
"""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from seaway.bench.generator import Load, OnProgress

_REFRESHES_PER_SECOND = 4


class Bars:
    """A bar per measurement, on the standard error stream while it is a terminal."""

    def __init__(self, console: Console | None = None) -> None:
        """Draw nothing yet."""
        console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[counts]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            refresh_per_second=_REFRESHES_PER_SECOND,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Bars:
        """Start drawing."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing and leave nothing behind."""
        self._progress.stop()

    def watch(self, title: str, load: Load) -> OnProgress:
        """Begin the bar of a measurement and return whom to tell how far it is."""
        for finished in self._progress.task_ids:
            self._progress.remove_task(finished)
        task = self._progress.add_task(title, total=load.warm_up_s + load.duration_s, counts="")

        def tell(seconds: float, measuring: bool, succeeded: int, failed: int) -> None:
            counts = f"{succeeded} answers, {failed} failed" if measuring else "warm-up"
            self._progress.update(task, completed=seconds, counts=counts)

        return tell
