"""The page of servers: which are looked at, how they answered, and the machines they are on."""

from __future__ import annotations

from typing import NamedTuple

from seaway.monitor.page import charts, queries, tables
from seaway.monitor.page.acting import actions_of_fleet
from seaway.monitor.page.charts import Content
from seaway.monitor.page.components import WIDE, Chart, Column, Row, Table, tag
from seaway.monitor.page.frame import Visit, section

COLUMNS = [
    Column("server", "Server"),
    Column("state", "State"),
    Column("url", "Address", WIDE),
    Column("at", "Last asked"),
    Column("took", "Took", "number"),
    Column("series", "Series", "number"),
]
HOST_COLUMNS = [Column("host", "Machine"), Column("cpu", "CPU", "number"), Column("memory", "Memory", "number")]


class Loaded(NamedTuple):
    """All that the page shows."""

    servers: list[Row]
    hosts: list[Row]
    contents: dict[str, Content]


def load(visit: Visit) -> Loaded:
    """Read all of it."""
    reader, by = visit.reader(), ("host",)
    window = reader.span.window_ms()

    def content(unit: str, question: str, label: str) -> Content:
        return Content(unit, charts.named(reader.lines(question), label), reader.start_ms, reader.end_ms)

    return Loaded(
        tables.servers(visit.site.view.targets(), visit.now_s),
        tables.hosts(
            reader.values(queries.host_cpu(), by),
            reader.values(queries.host_memory(), by),
            reader.values(queries.host_memory_total(), by),
        ),
        {
            "up": content("number", queries.up(window), "instance"),
            "scrape": content("seconds", queries.scrape_seconds(window), "instance"),
            "host-cpu": content("share", queries.host_cpu(window), "host"),
            "host-memory": content("bytes", queries.host_memory(window), "host"),
        },
    )


def build(visit: Visit) -> None:
    """Make the page."""
    actions_of_fleet(visit)
    with section("Servers", "each is asked again and again"):
        servers = Table("Servers", COLUMNS, empty="No server is looked at.", is_caption_hidden=True)
    with section("Machines"):
        hosts = Table("Machines", HOST_COLUMNS, empty="No machine was measured yet.", is_caption_hidden=True)
    with tag("div", classes="sw-charts"):
        made = {
            "up": Chart("up", "Answering", "1 is up, 0 is down"),
            "scrape": Chart("scrape", "Time to answer the monitor", "one look"),
            "host-cpu": Chart("host-cpu", "CPU of machines", "share of all cores"),
            "host-memory": Chart("host-memory", "Memory of machines", "in use"),
        }

    def show(loaded: Loaded) -> None:
        servers.show(loaded.servers)
        hosts.show(loaded.hosts)
        for key, content in loaded.contents.items():
            made[key].show(content)

    visit.keep_fresh(lambda: load(visit), show)
