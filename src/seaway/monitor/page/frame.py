"""What is around every page: header, navigation, time range, colours, who is logged in, and the rhythm of refreshes."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple, TypeVar

from fastapi import Request
from nicegui import run, ui
from nicegui.element import Element

from seaway.clock import Clock
from seaway.errors import SeawayError
from seaway.monitor.page import queries, tables, text
from seaway.monitor.page.access import COOKIE, Access
from seaway.monitor.page.actions import Actions
from seaway.monitor.page.components import Pulse, Tag, say, tag
from seaway.monitor.page.queries import Span
from seaway.monitor.page.reading import Answers, Reader
from seaway.monitor.view import AlertState, AlertStatus, View

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

STYLE = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
THEME_COOKIE = "seaway_theme"
_THEMES: dict[str, bool | None] = {"system": None, "dark": True, "light": False}
_PAGES = (("/", "Overview"), ("/compare", "Compare"), ("/alerts", "Alerts"), ("/servers", "Servers"))


class Site(NamedTuple):
    """What all pages are made from."""

    view: View
    clock: Clock
    access: Access
    actions: Actions | None
    answers: Answers


class Visit:
    """One page that one person has open."""

    def __init__(self, site: Site, request: Request) -> None:
        """Take what the address and the cookies say."""
        self.site = site
        self.token = request.cookies.get(COOKIE, "")
        self.theme = request.cookies.get(THEME_COOKIE, "system")
        self.parameters: Mapping[str, str] = dict(request.query_params)
        self.path = request.url.path
        self.span: Span = queries.span_of(self.parameters.get("range", ""))
        self.banner: Tag
        self.stopped: Tag
        self.updated: Tag
        self.alerts_link: Tag
        self.body: Element

    @property
    def now_s(self) -> float:
        """Seconds since the Unix epoch."""
        return self.site.clock.wall()

    def reader(self) -> Reader:
        """Return what reads the store as of now."""
        return Reader(self.site.view.store, self.span, int(self.now_s * 1000), self.site.answers)

    def may_change(self) -> bool:
        """Tell whether this person may silence and act now; asked again each time, as a session ends."""
        return self.site.access.allows(self.token)

    def here(self, **changed: str) -> str:
        """Return this page's address with other parameters."""
        return text.address(self.path, **{**self.parameters, **changed})

    def keep_fresh(self, load: Callable[[], _T], show: Callable[[_T], None]) -> None:
        """Load off the event loop and show, now and again and again; say it when that fails."""

        async def beat() -> None:
            loaded = await run.io_bound(self._loaded, load)
            if loaded is None or self.body.is_deleted:  # The program ends, or the tab was closed meanwhile.
                return
            data, problem, alerts = loaded
            say(self.banner, problem)
            self.show_alerts(alerts)
            if data is not None:
                show(data[0])
                self.updated.text = f"Updated {datetime.fromtimestamp(self.now_s, timezone.utc):%H:%M:%S} UTC"

        Pulse(beat)

    def show_alerts(self, alerts: Sequence[AlertStatus]) -> None:
        """Say how many fire, and on every page that history stopped."""
        firing = sum(alert.state is AlertState.FIRING for alert in alerts)
        self.alerts_link.text = f"Alerts ({firing})" if firing else "Alerts"
        self.alerts_link.classes(**{"add" if firing else "remove": "sw-firing"})
        say(self.stopped, tables.stopped(alerts))

    def _loaded(self, load: Callable[[], _T]) -> tuple[tuple[_T] | None, str, Sequence[AlertStatus]]:
        alerts = self.site.view.alerts()
        try:
            return (load(),), tables.problem(self.site.view.targets()), alerts
        except SeawayError as err:
            return None, f"This cannot be shown: {text.visible(str(err), 300)}", alerts
        except sqlite3.Error as err:
            return None, f"The store cannot be read: {text.visible(str(err), 300)}. Look at the monitor's log.", alerts
        except Exception:
            _log.exception("a page could not be refreshed")
            return None, "This cannot be shown: the monitor's log says why.", alerts


@contextmanager
def framed(site: Site, request: Request, title: str, *, whole: str = "", has_range: bool = True) -> Iterator[Visit]:
    """Make what is around a page; what is made within becomes its content."""
    visit = Visit(site, request)
    ui.add_css(STYLE)
    dark = ui.dark_mode(_THEMES.get(visit.theme))
    with ui.header(fixed=False).classes("sw-header"):
        tag("a", "Seaway", "sw-brand", href=text.address("/", range=visit.span.name), aria_label="Seaway, overview")
        with tag("nav", aria_label="Pages"):
            for path, name in _PAGES:
                link = tag("a", name, href=text.address(path, range=visit.span.name))
                if path == visit.path:
                    link.props["aria-current"] = "page"
                if path == "/alerts":
                    visit.alerts_link = link
        with tag("div", classes="sw-tools"):
            _theme_switch(visit, dark)
            _session(visit)
    visit.body = Element("div").classes("sw-page")
    ui.skip_link("Skip to the content", target=visit.body)
    with visit.body:
        with tag("div", classes="sw-title"):
            tag("h1", title).props["title"] = whole or title
            visit.updated = tag("p", "Loading…", "sw-updated", role="status", aria_live="off")
            if has_range:
                _range(visit)
        visit.stopped = tag("p", "", "sw-stopped", role="alert")
        visit.banner = tag("p", "", "sw-banner", role="alert")
        visit.banner.set_visibility(False)
        visit.show_alerts(site.view.alerts())
        yield visit


def _range(visit: Visit) -> None:
    with tag("nav", classes="sw-range", aria_label="Time range"):
        for span in queries.SPANS:
            link = tag("a", span.name, href=visit.here(range=span.name), aria_label=f"The last {span.title}")
            if span is visit.span:
                link.props["aria-current"] = "true"


def _theme_switch(visit: Visit, dark: ui.dark_mode) -> None:
    names = list(_THEMES)
    state = {"name": visit.theme if visit.theme in _THEMES else "system"}
    button = tag("button", f"◐ {state['name']}", "sw-button sw-theme", type="button")

    def label() -> None:
        button.text = f"◐ {state['name']}"
        button.props["aria-label"] = f"Colours: {state['name']}. Press for others."

    def switch() -> None:
        state["name"] = names[(names.index(state["name"]) + 1) % len(names)]
        dark.value = _THEMES[state["name"]]
        label()
        button.update()
        ui.run_javascript(f"document.cookie = '{THEME_COOKIE}={state['name']};path=/;max-age=31536000;samesite=lax'")

    label()
    button.on("click", switch, [])


def _session(visit: Visit) -> None:
    if not visit.site.access.is_possible:
        return
    if visit.may_change():
        with tag("form", method="post", action="/session/end"):
            tag("button", "Log out", "sw-button", type="submit")
    else:
        tag("a", "Log in", "sw-button", href=text.address("/login", next=visit.here()))


def section(title: str, note: str = "") -> Element:
    """Make a part of a page with a heading; what is made within it belongs to it."""
    made = tag("section", aria_label=title)
    with made, tag("div", classes="sw-section"):
        tag("h2", title)
        if note:
            tag("p", note)
    return made
