"""The page's own elements: table, chart with its table, pulse, text in tags. Names are text in all of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from nicegui import ui
from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from seaway.monitor.page import charts

Row = dict[str, Any]
"""A row of a table: `key`, `cells` by column, perhaps `tone`. A cell is text, or a dictionary with any of `text`,
`title`, `href`, `note`, `tone`, `spark` (numbers), `spoken` (for screen readers only) and `actions` (`id`, `text`,
`label`)."""
REFRESH_S = 5.0
WIDE = "text wide"
"""The kind of a column that has a line of its own where the screen is narrow."""


class Column(NamedTuple):
    """A column of a table; kind is text, WIDE, number, spark or actions."""

    key: str
    text: str
    kind: str = "text"


class Table(Element, component="table.js"):
    """A table whose rows are replaced as a whole."""

    def __init__(self, caption: str, columns: Sequence[Column], *, empty: str = "", is_caption_hidden: bool = False):
        """Make an empty table. Args: empty - what is said while there are no rows."""
        super().__init__()
        self.props["caption"] = caption
        self.props["captionHidden"] = is_caption_hidden
        self.props["columns"] = [column._asdict() for column in columns]
        self.props["rows"] = []
        self.props["empty"] = empty

    def show(self, rows: Sequence[Row], empty: str | None = None) -> None:
        """Show these rows instead; nothing is sent when they are the same."""
        changed = list(rows) != self.props["rows"] or (empty is not None and empty != self.props["empty"])
        if changed:
            self.props["rows"] = list(rows)
            if empty is not None:
                self.props["empty"] = empty
            self.update()

    def on_act(self, act: Callable[[str, str], Awaitable[None]]) -> None:
        """Call `act` with a row's key and an action's id when a button is pressed."""

        async def acted(event: GenericEventArguments) -> None:
            await act(str(event.args["row"]), str(event.args["id"]))

        self.on("act", acted)


class Pulse(Element, component="pulse.js"):
    """Calls for news at once and every few seconds while somebody looks at the page."""

    def __init__(self, beat: Callable[[], Awaitable[None]], every_s: float = REFRESH_S) -> None:
        """Begin when the browser is there; a beat is left out while the one before is still being worked on."""
        super().__init__()
        self.props["seconds"] = every_s
        self._is_busy = False

        async def once() -> None:
            if self._is_busy:
                return
            self._is_busy = True
            try:
                await beat()
            finally:
                self._is_busy = False

        self.on("pulse", once, args=[])


class Chart(Element):
    """A figure: title, drawing, and the same as a table for those who cannot see it."""

    def __init__(self, key: str, title: str, note: str = "", *, is_wide: bool = False) -> None:
        """Make it empty. Args: key - names it in the document."""
        super().__init__("figure")
        self.classes("sw-chart sw-wide" if is_wide else "sw-chart")
        self._shown: charts.Content | None = None
        with self:
            with Element("figcaption"):
                tag("span", title)
                if note:
                    tag("small", note)
            self.drawing = ui.echart({"series": []}).classes("sw-drawing")
            self.drawing.props["data-chart"] = key
            self.drawing.props["role"] = "img"
            self.drawing.props["aria-label"] = f"Chart: {title}. Its values follow as a table."
            self._nothing = tag("p", "Nothing in this time.").classes("sw-nothing")
            self._nothing.set_visibility(False)
            with Element("details"):
                tag("summary", "As a table").props["aria-label"] = f"{title} as a table"
                self._table = Table(
                    title,
                    [Column("line", "Line"), *(Column(each, each.capitalize(), "number") for each in _SUMMARY)],
                    empty="Nothing in this time.",
                    is_caption_hidden=True,
                )

    def show(self, content: charts.Content) -> None:
        """Draw this instead."""
        if content == self._shown:
            return
        self._shown = content
        self.drawing.options.clear()
        self.drawing.options.update(charts.options(content))
        self.drawing.update()
        self._nothing.set_visibility(not content.lines)
        self._table.show(charts.as_rows(content))


_SUMMARY = ("last", "low", "high")


class Tag(TextElement):
    """An element of HTML that holds text."""


def tag(kind: str, /, text: str = "", classes: str = "", **attributes: str) -> Tag:
    """Make an element with text; in attributes' names `_` stands for `-`."""
    made = Tag(tag=kind, text=text)
    if classes:
        made.classes(classes)
    for attribute, value in attributes.items():
        made.props[attribute.replace("_", "-")] = value
    return made


def say(element: TextElement, text: str) -> None:
    """Put text into an element that is hidden while it has none."""
    element.text = text
    element.set_visibility(bool(text))
