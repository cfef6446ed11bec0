"""Two versions, or two replicas, side by side and to the same scale."""

from __future__ import annotations

import json
import sqlite3
from typing import NamedTuple

from seaway.errors import SeawayError
from seaway.monitor.page import panels, queries, tables, text
from seaway.monitor.page.charts import Content
from seaway.monitor.page.components import Chart, Column, Row, Table, tag
from seaway.monitor.page.frame import Visit, section
from seaway.monitor.page.panels import COMPARED, QUANTILES
from seaway.monitor.page.queries import NOW_WINDOW_MS, Scope
from seaway.monitor.page.reading import Reader, known
from seaway.monitor.store.store import Store

VERSION, REPLICA = "version", "replica"


class Choice(NamedTuple):
    """Something that can be compared; `value` stands for it in the address."""

    value: str
    name: str
    scope: Scope


class Loaded(NamedTuple):
    """All that the page shows."""

    rows: list[Row]
    contents: dict[str, tuple[Content, Content]]


def known_choices(store: Store, kind: str) -> list[Choice]:
    """Return what there is of a kind; nothing while the store cannot be read, which the page says by itself."""
    try:
        return choices(store, kind)
    except (SeawayError, sqlite3.Error):
        return []


def choices(store: Store, kind: str) -> list[Choice]:
    """Return what there is of a kind."""
    if kind == REPLICA:
        return [
            Choice(instance, text.visible(instance), Scope(instance=instance))
            for (instance,) in known(store, "instance")
        ]
    return [
        Choice(json.dumps([model, version]), f"{text.visible(model)} · {text.visible(version)}", Scope(model, version))
        for model, version in known(store, "model", "version")
    ]


def chosen(found: list[Choice], a: str, b: str) -> tuple[Choice, Choice] | None:
    """Return the two that were asked for; without that, the last two of one model, or of all."""
    if len(found) < 2:  # noqa: PLR2004
        return None
    by_value = {choice.value: choice for choice in found}
    first = by_value.get(a)
    if first is None:
        model = found[-1].scope.model
        alike = [choice for choice in found if choice.scope.model == model]
        first = alike[-2] if len(alike) > 1 else found[-2]
    others = [choice for choice in found if choice is not first]
    alike = [choice for choice in others if choice.scope.model == first.scope.model]
    return first, by_value.get(b) or (alike or others)[-1]


def load(reader: Reader, left: Scope, right: Scope) -> Loaded:
    """Read both."""
    contents = {}
    for panel in COMPARED:
        pair = (panels.content(panel, reader, left), panels.content(panel, reader, right))
        contents[panel.key] = panels.of_equal_height(*pair)
    return Loaded(tables.compared(_now(reader, left), _now(reader, right)), contents)


def _now(reader: Reader, scope: Scope) -> tables.Compared:
    window = NOW_WINDOW_MS

    def one(question: str) -> float | None:
        return reader.values(question, ()).get(())

    total, failed = one(queries.requests(scope, window, ())), one(queries.failures(scope, window, ())) or 0.0
    return tables.Compared(
        total,
        failed / total if total else None,
        {name: one(queries.latency(scope, share, window, ())) for name, share in QUANTILES},
        one(queries.memory(scope, ())),
        one(queries.cpu(scope, window, ())),
    )


def build(visit: Visit, found: list[Choice]) -> None:
    """Make the page. Args: found - what can be compared."""
    kind = REPLICA if visit.parameters.get("kind") == REPLICA else VERSION
    with tag("nav", classes="sw-range sw-kinds", aria_label="What to compare"):
        for each in (VERSION, REPLICA):
            link = tag("a", f"{each.capitalize()}s", href=text.address("/compare", kind=each, range=visit.span.name))
            if each == kind:
                link.props["aria-current"] = "true"
    pair = chosen(found, visit.parameters.get("a", ""), visit.parameters.get("b", ""))
    if pair is None:
        tag("p", f"There are no two {kind}s to compare yet: they appear once two were seen.", "sw-hint")
        visit.keep_fresh(lambda: choices(visit.site.view.store, kind), lambda _: None)
        return
    left, right = pair
    _form(visit, kind, found, pair)
    columns = [
        Column("measure", "Measure"),
        Column("a", f"A: {left.name}", "number"),
        Column("b", f"B: {right.name}", "number"),
        Column("ratio", "B against A", "number"),
    ]
    with section("Now", tables.window_words()):
        table = Table("A and B now", columns, is_caption_hidden=True)
    made: dict[str, tuple[Chart, Chart]] = {}
    with tag("div", classes="sw-charts sw-pairs"):
        for panel in COMPARED:
            made[panel.key] = (
                Chart(f"{panel.key}-a", panel.title, f"A: {left.name}"),
                Chart(f"{panel.key}-b", panel.title, f"B: {right.name}"),
            )

    def show(loaded: Loaded) -> None:
        table.show(loaded.rows)
        for key, contents in loaded.contents.items():
            for chart, content in zip(made[key], contents, strict=True):
                chart.show(content)

    visit.keep_fresh(lambda: load(visit.reader(), left.scope, right.scope), show)


def _form(visit: Visit, kind: str, found: list[Choice], pair: tuple[Choice, Choice]) -> None:
    with tag("form", classes="sw-form", method="get", action="/compare"):
        tag("input", type="hidden", name="kind", value=kind)
        tag("input", type="hidden", name="range", value=visit.span.name)
        for name, current in zip("ab", pair, strict=True):
            with tag("label"):
                tag("span", name.upper())
                with tag("select", name=name):
                    for choice in found:
                        option = tag("option", choice.name, value=choice.value)
                        if choice is current:
                            option.props["selected"] = True
        tag("button", "Compare", "sw-button", type="submit")
