"""A view as lines of text, for a terminal of any size. Pure.

Where a terminal is too narrow, columns are left out in this order, the first first:

    models     engine, batch, p95, memory, running, queued, p50, version; model, req/s, p99 and errors always stay
    stages     the bar, encode, decode, version
    servers    scrape, memory, CPU, errors; server, state, req/s and p99 always stay

and names are cut in their middle, where names that are alike differ the least. Where it is too low, the table of stages
goes first, and each table ends with how many rows are left out; what needs attention comes first. Nothing is told by
colour alone.

Names come from servers and may be anything: they become visible characters of one line, and are never read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from seaway.clock import utc
from seaway.monitor.top.peers import ENOUGH_REQUESTS, SLOW_FACTOR
from seaway.monitor.top.view import STAGES, Row, Server, View, ordered
from seaway.monitor.top.words import NONE, count, share, size, time
from seaway.monitor.visible import visible

_GAP = 2
_SHORTEST_NAME = 8
_BAR = 10, 40
_ROOM_FOR_STAGES = 12
_FILLS = dict(zip(STAGES, "░▒█▓", strict=True))
_BAD, _DIM, _TITLE = "bold red", "dim", "bold"
_FOOTER = "q quit   s signatures   r sort   p pause   ? help"
HELP = (
    "q  quit",
    "s  a row for each signature, or for each version",
    "r  sort by requests, p99, errors, memory in turn",
    "p  pause: the screen stands still, servers are still looked at",
    "?  this help",
    "",
    "Rates, latencies and errors are about the window in the second line. A latency is known to its bucket.",
    "The bar shows where the time of a request goes: its stages in proportion.",
    f"A server is slow when its p99 of a version is over {SLOW_FACTOR:g} times the median of the other servers",
    f"that have it, each with {ENOUGH_REQUESTS} requests in the window or more.",
    "CPU and memory of a server are those of its workers.",
)


class Wish(NamedTuple):
    """How the user wants to see it."""

    sort: str = "requests"
    per_signature: bool = False
    is_paused: bool = False
    is_helping: bool = False
    has_keys: bool = False


T = TypeVar("T")


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column. `leaves` is when it is left out: the lowest first, 0 never. Names may be cut; numbers stand right."""

    title: str
    cell: Callable[[T], Text]
    leaves: int = 0
    is_name: bool = False
    is_text: bool = False


def screen(view: View, wish: Wish, width: int, height: int | None = None) -> Group:
    """Return what is shown; without a height all rows are."""
    return Group(*lines(view, wish, width, height))


def lines(view: View, wish: Wish, width: int, height: int | None = None) -> list[Text]:
    """Return the lines of the screen, none wider than `width` cells and, when given, no more than `height`."""
    view = ordered(view, wish.sort)
    head = _header(view, wish)
    if wish.is_helping:
        body = [Text(line) for line in HELP]
    else:
        room = None if height is None else height - len(head) - 1 - wish.has_keys
        body = _body(view, wish, width, room)
    foot = [Text(_FOOTER, _DIM)] if wish.has_keys else []
    if height is not None:
        body = body[: max(0, height - len(head) - 1 - len(foot))]
    found = [*head, Text(), *body, *foot]
    return [_cut_line(line, width) for line in found][:height]


# Parts.


def _header(view: View, wish: Wish) -> list[Text]:
    first = Text(no_wrap=True)
    first.append("seaway top", _TITLE)
    first.append(f"  {utc(view.at)[11:]}  ")
    first.append(f"{view.up}/{len(view.servers)} up", _BAD if view.up < len(view.servers) else "")
    first.append(f"  {count(view.rate)} req/s  ")
    first.append(f"errors {share(view.error_share)}", _BAD if view.error_share else "")
    if wish.is_paused:
        first.append("  PAUSED", "reverse")
    second = Text(f"last {view.window_s:.3g} s, by {wish.sort}", _DIM)
    if view.notice:
        second.append(f"  {visible(view.notice)}", _BAD)
    return [first, second]


def _body(view: View, wish: Wish, width: int, room: int | None) -> list[Text]:
    if not view.looks:
        return [Text("Looking at the servers for the first time …")]
    if not view.servers:
        return [Text("No servers: name their addresses, as in `seaway top host:8501`, or list some in --targets-file.")]
    rows = view.signatures if wish.per_signature else view.models
    timed = [row for row in rows if row.stages]
    remarks = list(_remarks(view))
    wanted = [len(rows), len(timed), len(view.servers), len(remarks)]
    limits = wanted if room is None else _limits(wanted, room)
    hint = _hint(view)
    tables = [
        _table(rows, _model_columns(wish.per_signature), width, limits[0]),
        _table(timed, _stage_columns(timed, wish.per_signature, width), width, limits[1]),
        _table(view.servers, _server_columns(), width, limits[2]),
        remarks[: limits[3]],
        [Text(hint)] if hint else [],
    ]
    found: list[Text] = []
    for each in tables:
        found += [Text(), *each] if found and each else each
    return found


def _limits(wanted: Sequence[int], room: int) -> list[int]:
    """Return how many lines each table has besides its titles and an empty line; stages have none in little room."""
    left = room - 3 * 2
    if left >= min(sum(wanted), _ROOM_FOR_STAGES):
        return portions(wanted, left)
    models, _, servers, remarks = wanted
    found = portions([models, servers, remarks], left + 2)
    return [found[0], 0, *found[1:]]


def _hint(view: View) -> str:
    if view.up == 0:
        return "No server answers: start one with `seaway serve`, or name its REST port (8501 unless told otherwise)."
    if view.looks == 1:
        return "Rates need two looks: the next one comes soon."
    if not view.models:
        return "No model is known: none is loaded, or TensorFlow Serving was not asked yet."
    if not view.rate:
        return f"No requests within {view.window_s:.3g} s; `seaway bench HOST:8500 --model NAME` makes some."
    return ""


def _remarks(view: View) -> Iterable[Text]:
    """Yield what is wrong with a server, in words."""
    for server in view.servers:
        if not server.is_up:
            yield Text(f"! {visible(server.instance)} is down: {visible(server.problem)}", _BAD)
        for slow in server.slow:
            yield Text(
                f"! {visible(server.instance)} is slow: p99 of {_versioned(slow.model, slow.version)} is "
                f"{time(slow.p99_s)}, of the others {time(slow.others_p99_s)}",
                _BAD,
            )


def _model_columns(per_signature: bool) -> list[Column[Row]]:
    signature = Column[Row]("signature", lambda row: Text(visible(row.signature) or NONE), is_name=True)
    return [
        *_name_columns(8),
        *([signature] if per_signature else []),
        Column("req/s", lambda row: Text(count(row.rate))),
        Column("p50", lambda row: Text(time(row.p50_s)), 7),
        Column("p95", lambda row: Text(time(row.p95_s)), 3),
        Column("p99", lambda row: Text(time(row.p99_s))),
        Column("errors", lambda row: _errors(row.error_share)),
        Column("queued", lambda row: Text(count(row.queued)), 6),
        Column("running", lambda row: Text(count(row.in_flight)), 5),
        Column("batch", lambda row: Text(count(row.batch_rows)), 2),
        Column("memory", lambda row: Text(size(row.memory_bytes)), 4),
        Column("engine", lambda row: Text(visible(row.engine) or NONE), 1, is_text=True),
    ]


def _name_columns(leaves: int) -> list[Column[Row]]:
    return [
        Column("model", lambda row: Text(visible(row.model) or NONE), is_name=True),
        Column("version", lambda row: Text(visible(row.version) or NONE), leaves, is_text=True),
    ]


def _stage_columns(rows: Sequence[Row], per_signature: bool, width: int) -> list[Column[Row]]:
    signature = Column[Row]("signature", lambda row: Text(visible(row.signature) or NONE), is_name=True)
    columns = [
        *_name_columns(4),
        *([signature] if per_signature else []),
        *(_stage_column(name, {"encode": 2, "decode": 3}.get(name, 0)) for name in STAGES),
    ]
    least, most = _BAR
    length = max(least, min(most, width - _natural(rows, columns) - _GAP))
    legend = " ".join(f"{fill} {name}" for name, fill in _FILLS.items())
    return [*columns, Column(legend[:length], lambda row: Text(bar(row.stages, length)), 1, is_text=True)]


def _stage_column(name: str, leaves: int) -> Column[Row]:
    return Column(name, lambda row: Text(time(row.stages.get(name))), leaves)


def _server_columns() -> list[Column[Server]]:
    return [
        Column("server", lambda server: Text(visible(server.instance), _server_style(server)), is_name=True),
        Column("state", lambda server: Text(_state(server), _server_style(server)), is_text=True),
        Column("req/s", lambda server: Text(count(server.rate if server.is_up else None))),
        Column("p99", lambda server: Text(time(server.p99_s), _BAD if server.slow else "")),
        Column("errors", lambda server: _errors(server.error_share), 4),
        Column("CPU", lambda server: Text(share(server.cpu_cores)), 3),
        Column("memory", lambda server: Text(size(server.memory_bytes)), 2),
        Column("scrape", lambda server: Text(time(server.scrape_s)), 1),
    ]


def _state(server: Server) -> str:
    if not server.is_up:
        return "down"
    return "slow" if server.slow else "up"


def _server_style(server: Server) -> str:
    return _BAD if server.slow or not server.is_up else ""


def _errors(value: float | None) -> Text:
    return Text(share(value), _BAD if value else "")


def _versioned(model: str, version: str) -> str:
    return f"{visible(model)} {visible(version)}".strip()


# Tables.


def _table(rows: Sequence[T], columns: Sequence[Column[T]], width: int, limit: int) -> list[Text]:
    """Return a table's lines; of more rows than the limit the last ones are only counted."""
    if not rows or limit <= 0:
        return []
    shown = rows if len(rows) <= limit else rows[: max(1, limit - 1)]
    kept, widths = fitting(shown, columns, width)
    found = [_joined([Text(column.title, _TITLE) for column in kept], kept, widths)]
    found += [_joined([column.cell(row) for column in kept], kept, widths) for row in shown]
    if len(shown) < min(len(rows), limit):
        found.append(Text(f"… and {len(rows) - len(shown)} more", _DIM))
    return found


def fitting(rows: Sequence[T], columns: Sequence[Column[T]], width: int) -> tuple[list[Column[T]], list[int]]:
    """Return the columns that there is room for, and their widths in cells."""
    kept = list(columns)
    for leaving in sorted((each for each in columns if each.leaves), key=lambda each: each.leaves):
        if _natural(rows, kept) <= width:
            break
        kept.remove(leaving)
    widths = [_width(rows, column) for column in kept]
    while sum(widths) + _GAP * (len(widths) - 1) > width:
        names = [number for number, column in enumerate(kept) if column.is_name and widths[number] > _SHORTEST_NAME]
        if not names:
            break
        widths[max(names, key=lambda number: widths[number])] -= 1
    return kept, widths


def _natural(rows: Sequence[T], columns: Sequence[Column[T]]) -> int:
    """Return the width of a table; long names may be cut before a column has to leave."""
    longest = 24
    own = (min(_width(rows, each), longest) if each.is_name else _width(rows, each) for each in columns)
    return sum(own) + _GAP * (len(columns) - 1)


def _width(rows: Sequence[T], column: Column[T]) -> int:
    return max(cell_len(column.title), *(column.cell(row).cell_len for row in rows), 0)


def _joined(cells: Sequence[Text], columns: Sequence[Column[T]], widths: Sequence[int]) -> Text:
    """Return one line: text to the left of its column, numbers to the right."""
    line = Text(no_wrap=True)
    last = len(cells) - 1
    for number, (cell, column, width) in enumerate(zip(cells, columns, widths, strict=True)):
        text = Text(cut(cell.plain, width), cell.style) if column.is_name else cell
        padding = Text(" " * max(0, width - text.cell_len))
        is_text = column.is_name or column.is_text
        line.append_text(text) if is_text else line.append_text(padding)
        if is_text and number < last:
            line.append_text(padding)
        if not is_text:
            line.append_text(text)
        if number < last:
            line.append(" " * _GAP)
    return line


def portions(wanted: Sequence[int], room: int) -> list[int]:
    """Share out rows: everybody gets what it wants, or an equal part of what is left by those that want less."""
    found = [0] * len(wanted)
    left = max(0, room)
    open_ = sorted(range(len(wanted)), key=lambda number: wanted[number])
    for place, number in enumerate(open_):
        found[number] = min(wanted[number], left // (len(open_) - place))
        left -= found[number]
    return found


def _cut_line(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    line.no_wrap = True
    return line


# Words.


def cut(text: str, width: int) -> str:
    """Return a text of at most so many cells, its middle left out where it is longer."""
    if cell_len(text) <= width:
        return text
    tail = _head(text[::-1], (width - 1) // 2)[::-1]
    return f"{_head(text, width - 1 - cell_len(tail))}…{tail}"


def _head(text: str, width: int) -> str:
    """Return the longest beginning of at most so many cells."""
    end, used = 0, 0
    for char in text:
        used += cell_len(char)
        if used > width:
            break
        end += 1
    return text[:end]


def bar(stages: dict[str, float], length: int) -> str:
    """Return the stages in proportion; ends are rounded, so that the whole has the length and no error adds up."""
    whole = sum(stages.values())
    if whole <= 0:
        return ""
    found, passed = "", 0.0
    for name, fill in _FILLS.items():
        passed += stages.get(name, 0.0)
        found += fill * (round(passed / whole * length) - len(found))
    return found
