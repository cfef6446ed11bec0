"""The page of alerts: what fires, what may, what is over, and whom that was told."""

from __future__ import annotations

from typing import NamedTuple

from nicegui import run

from seaway.errors import SeawayError
from seaway.monitor.page import tables, text
from seaway.monitor.page.components import Column, Row, Table, say, tag
from seaway.monitor.page.frame import Visit, section
from seaway.monitor.view import AlertStatus

COLUMNS = [
    Column("alert", "Alert"),
    Column("state", "State"),
    Column("labels", "Of"),
    Column("severity", "Severity"),
    Column("value", "Value", "number"),
    Column("began", "Began"),
    Column("until", "Until"),
]
SILENCE_COLUMN = Column("silence", "Silence for", "actions")
DELIVERY_COLUMNS = [
    Column("title", "What"),
    Column("channel", "Channel"),
    Column("outcome", "Outcome"),
    Column("at", "When"),
]
_BY = "the page"


class Loaded(NamedTuple):
    """All that the page shows, and the alerts that its buttons are about."""

    rows: list[Row]
    deliveries: list[Row]
    alerts: dict[str, AlertStatus]


def load(visit: Visit) -> Loaded:
    """Ask for all of it."""
    found, now = visit.site.view.alerts(), visit.now_s
    return Loaded(
        tables.alerts(found, now, visit.may_change()),
        tables.deliveries(visit.site.view.deliveries(), now),
        {tables.alert_key(alert): alert for alert in found},
    )


def build(visit: Visit) -> None:
    """Make the page."""
    say(tag("p", "", "sw-aside"), visit.site.access.sentence(visit.token))
    said = tag("p", "", "sw-hint", role="status")
    said.set_visibility(False)
    columns = [*COLUMNS, SILENCE_COLUMN] if visit.may_change() else COLUMNS
    with section("Alerts", "the firing first; what is over stays for a day"):
        table = Table("Alerts", columns, empty="Nothing fires, and nothing did within a day.", is_caption_hidden=True)
    with section("Deliveries", "whom alerts were told"):
        deliveries = Table(
            "Deliveries", DELIVERY_COLUMNS, empty="Nobody was told anything yet.", is_caption_hidden=True
        )
    current: dict[str, AlertStatus] = {}

    def show(loaded: Loaded) -> None:
        current.clear()
        current.update(loaded.alerts)
        table.show(loaded.rows)
        deliveries.show(loaded.deliveries)

    async def silence(key: str, action: str) -> None:
        alert = current.get(key)
        seconds = dict(tables.SILENCES).get(action, 0.0)
        if alert is None or not (seconds or action == tables.END_SILENCE):
            return
        if not visit.may_change():
            say(said, visit.site.access.sentence(visit.token))
            return
        try:
            await run.io_bound(visit.site.view.silence, alert.rule, alert.labels, seconds, _BY)
        except SeawayError as err:
            say(said, f"It could not be silenced: {text.visible(str(err), 300)}")
            return
        ended = f"{text.visible(alert.rule)} is heard again." if not seconds else ""
        say(said, ended or f"{text.visible(alert.rule)} is silent for {action}.")
        if (loaded := await run.io_bound(load, visit)) is not None:
            show(loaded)

    table.on_act(silence)
    visit.keep_fresh(lambda: load(visit), show)
