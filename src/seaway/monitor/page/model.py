"""The page of one model: its versions and signatures, where time goes, and what happened to it."""

from __future__ import annotations

from typing import NamedTuple

from seaway.monitor.order import in_order
from seaway.monitor.page import charts, panels, queries, tables, text
from seaway.monitor.page.acting import actions_of_model
from seaway.monitor.page.charts import Content
from seaway.monitor.page.components import WIDE, Chart, Column, Row, Table, tag
from seaway.monitor.page.frame import Visit, section
from seaway.monitor.page.panels import OF_MODEL, QUANTILES
from seaway.monitor.page.queries import NOW_WINDOW_MS, Scope
from seaway.monitor.page.reading import Reader
from seaway.monitor.page.tables import Numbers, VersionFacts

VERSION_COLUMNS = [
    Column("version", "Version"),
    Column("signature", "Signature"),
    Column("requests", "Requests", "number"),
    *(Column(name, name, "number") for name, _ in QUANTILES),
    Column("errors", "Errors", "number"),
    Column("rows", "Rows of a run", "number"),
    Column("engine", "Engine"),
    Column("replicas", "Replicas", "number"),
    Column("memory", "Memory", "number"),
    Column("cpu", "CPU cores", "number"),
    Column("load", "Load time", "number"),
]
EVENT_COLUMNS = [
    Column("number", "Mark", "number"),
    Column("at", "When", WIDE),
    Column("kind", "Kind"),
    Column("what", "What", WIDE),
]


class Loaded(NamedTuple):
    """All that the page shows."""

    versions: list[Row]
    events: list[Row]
    contents: dict[str, Content]
    hint: str


def load(reader: Reader, scope: Scope) -> Loaded:
    """Read all of it."""
    events = charts.about(reader.events(), scope.model)
    marks = charts.marks(events)
    contents = {panel.key: panels.content(panel, reader, scope, marks) for panel in OF_MODEL}
    whole = Scope(scope.model)
    versions = _versions(reader, whole)
    return Loaded(versions, tables.events(events), contents, _hint(scope.model, versions, contents))


def _versions(reader: Reader, scope: Scope) -> list[Row]:
    by, window = ("version", "signature"), NOW_WINDOW_MS
    numbers = Numbers(
        requests=reader.values(queries.requests(scope, window, by), by),
        failures=reader.values(queries.failures(scope, window, by), by),
        quantiles={name: reader.values(queries.latency(scope, share, window, by), by) for name, share in QUANTILES},
        memory=reader.values(queries.memory(scope, ("version",)), ("version",)),
        cpu=reader.values(queries.cpu(scope, window, ("version",)), ("version",)),
    )
    rows = reader.values(queries.batch_rows(scope, 0.5, window, by), by)
    return tables.versions(scope.model, numbers, _facts(reader, scope), rows, reader.span.name)


def _facts(reader: Reader, scope: Scope) -> VersionFacts:
    engines: dict[str, list[str]] = {}
    found = reader.values(queries.engines(scope, ("version", "engine")), ("version", "engine"))
    for version, engine in sorted(found, key=in_order):
        engines.setdefault(version, []).append(engine)
    replicas: dict[str, float] = {}
    for (version, _), number in found.items():
        replicas[version] = replicas.get(version, 0.0) + number
    return VersionFacts(engines, replicas, reader.values(queries.load_seconds(scope, ("version",)), ("version",)))


def _hint(name: str, versions: list[Row], contents: dict[str, Content]) -> str:
    if not versions and not any(content.lines for content in contents.values()):
        return (
            f"Nothing was seen of a model {text.visible(name)} in this time: choose a longer one, or look for its name."
        )
    return "" if contents["throughput"].lines else tables.NO_REQUESTS


def build(visit: Visit, name: str) -> None:
    """Make the page."""
    scope = Scope(name, visit.parameters.get("version", ""), visit.parameters.get("signature", ""))
    hint = tag("p", "", "sw-hint")
    hint.set_visibility(False)
    actions_of_model(visit, name)
    with section("Versions and signatures", f"now: {tables.window_words()}"):
        versions = Table(
            "Versions and signatures", VERSION_COLUMNS, empty="No version is loaded.", is_caption_hidden=True
        )
    _narrowed(visit, scope)
    made = {}
    with tag("div", classes="sw-charts"):
        for panel in OF_MODEL:
            made[panel.key] = Chart(panel.key, panel.title, panel.note)
    with section("Events", "numbered as the marks in the charts"):
        events = Table("Events", EVENT_COLUMNS, empty="Nothing happened in this time.", is_caption_hidden=True)

    def show(loaded: Loaded) -> None:
        hint.text = loaded.hint
        hint.set_visibility(bool(loaded.hint))
        versions.show(loaded.versions)
        events.show(loaded.events)
        for key, content in loaded.contents.items():
            made[key].show(content)

    visit.keep_fresh(lambda: load(visit.reader(), scope), show)


def _narrowed(visit: Visit, scope: Scope) -> None:
    """Say what the charts are narrowed to, with a way back."""
    parts = [f"{name} {text.visible(value)}" for name, value in scope._asdict().items() if value and name != "model"]
    if parts:
        with tag("p", classes="sw-narrowed"):
            tag("span", f"Charts show only {', '.join(parts)}. ")
            tag("a", "Show all", href=text.model_address(scope.model, range=visit.span.name))
