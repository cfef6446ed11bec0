"""Numbers as people read them, and tables of them: on a terminal, and as markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

_MIB = 2**20
_MICROS_UP_TO = 10_000
_WHOLE_FROM = 100


def show(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table: words to the left, numbers to the right."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


def markdown(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same as text that a page can hold."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def micros(value: float) -> str:
    """Microseconds below ten milliseconds, milliseconds above."""
    return f"{value:,.0f} µs" if value < _MICROS_UP_TO else f"{value / 1000:,.0f} ms"


def per_second(value: float) -> str:
    """A rate."""
    return f"{value:,.0f}/s" if value >= _WHOLE_FROM else f"{value:,.1f}/s"


def mebibytes(value: float) -> str:
    """Memory."""
    return f"{value / _MIB:,.0f} MiB"
