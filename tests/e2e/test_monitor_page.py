"""The live page in a real browser: real data, hostile names, alerts without reload, phones, dark and light.

The store is filled with an hour in which two models, of two versions each, are served by two replicas. One model's name
is an attack.
"""

from __future__ import annotations

import json
import math
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from seaway.monitor.page import queries
from seaway.monitor.page.components import REFRESH_S
from seaway.monitor.page.queries import Scope, span_of
from seaway.monitor.page.text import model_address
from seaway.monitor.query.evaluate import query_range
from seaway.monitor.view import AlertState
from tests.support.artifacts import ARTIFACTS
from tests.support.eventually import eventually, true_soon
from tests.support.monitor_page import (
    CHROMIUM,
    HOSTILE,
    MODELS,
    PASSWORD,
    PLAIN,
    STEP_S,
    Running,
    alert,
    fill,
    moment,
)
from tests.support.ports import free_port

sync_api = pytest.importorskip("playwright.sync_api", reason="the page is tested in a browser: playwright is missing")

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"the page is tested in a browser: {CHROMIUM} is missing"),
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    page = Running(tmp_path_factory.mktemp("page"))
    fill(page.store, time.time())
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(STEP_S):
            at = int(time.time() * 1000)
            page.store.append(moment(at, math.sin(at / 400_000)))

    feeder = threading.Thread(target=go_on, daemon=True)
    feeder.start()
    yield page
    over.set()
    feeder.join(20)
    page.end()


@pytest.fixture
def running(served: Running) -> Running:
    """The page as no test has touched it, but for the time that has gone by."""
    served.monitor.reset(served.store)
    served.fleet.done.clear()
    return served


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


CHART = "getElement(Number(document.querySelector(`[data-chart='${key}']`).id.slice(1))).chart"
"""Where the page's scripts keep the ECharts object of the chart `key`."""
NEXT_FRAMES = "() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


class Tab:
    """A tab, and what its browser complained about."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.url = url
        options.setdefault("viewport", {"width": 1440, "height": 900})
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: message.type == "error" and self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def go(self, path: str) -> Tab:
        self.page.goto(self.url + path)
        self.page.wait_for_function("document.querySelector('.sw-updated')?.innerText.startsWith('Updated')")
        return self

    def log_in(self) -> Tab:
        self.page.goto(self.url + "/login?next=/alerts")
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("main button[type=submit]")
        self.page.wait_for_url("**/alerts")
        return self

    def option(self, chart: str) -> Any:
        """What ECharts has as the options of a chart."""
        return eventually(
            lambda: self.page.evaluate(f"key => {CHART}.getOption()", chart),
            lambda option: option.get("xAxis"),
            f"the chart {chart} is drawn",
        )

    def written_on(self, chart: str) -> list[str]:
        """The texts that ECharts has put on the canvas of a chart."""
        drawn = "getZr().storage.getDisplayList().map(each => each.style.text ?? '')"
        found: list[str] = self.page.evaluate(f"key => {CHART}.{drawn}", chart)
        return found

    def shot(self, name: str) -> None:
        directory = ARTIFACTS / "monitor-page"
        directory.mkdir(parents=True, exist_ok=True)
        self.page.evaluate(NEXT_FRAMES)  # ECharts draws in them.
        self.page.screenshot(path=directory / f"{name}.png", full_page=True)

    def overflow(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.fixture
def tab(browser: Any, running: Running) -> Iterator[Callable[..., Tab]]:
    tabs: list[Tab] = []

    def open_one(**options: Any) -> Tab:
        tabs.append(Tab(browser, running.url, **options))
        return tabs[-1]

    yield open_one
    for each in tabs:
        pwned = each.page.evaluate("window.__pwned")
        own_only = [
            url for url in each.asked if not url.startswith((running.url, "data:", running.url.replace("http", "ws")))
        ]
        each.context.close()
        assert pwned is None
        assert each.complaints == []
        assert own_only == []


PAGES = {
    "overview": "/",
    "model": f"/model/{PLAIN}",
    "hostile": model_address(HOSTILE),
    "compare": "/compare",
    "compare-replicas": "/compare?kind=replica",
    "alerts": "/alerts",
    "servers": "/servers",
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_shows_real_data_without_complaints(name: str, tab: Callable[..., Tab]) -> None:
    opened = tab().go(PAGES[name])

    assert opened.page.locator("tbody tr").count() >= 2
    assert opened.page.locator(".sw-banner:visible").count() == 0
    assert opened.page.locator("main").count() == 1
    for canvas in range(opened.page.locator("[data-chart]").count()):
        assert opened.page.locator("[data-chart] canvas").nth(canvas).is_visible()
    opened.shot(name)


@pytest.mark.parametrize("model", MODELS, ids=["plain", "hostile"])
def test_charts_hold_what_the_store_answers(model: str, tab: Callable[..., Tab], running: Running) -> None:
    opened = tab().go(model_address(model))
    span, scope = span_of("1h"), Scope(model)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

    def both() -> list[tuple[list[float], list[float]]]:
        drawn = opened.option("latency")
        assert [series["name"] for series in drawn["series"][:-1]] == list(shares)
        start, end = (drawn["xAxis"][0][each] for each in ("min", "max"))
        found = []
        for series, share in zip(drawn["series"], shares.values(), strict=False):
            question = queries.latency(scope, share, span.window_ms(), ())
            moments, result = query_range(running.store, question, start, end, span.step_ms())
            (values,) = result.values()
            assert [at for at, _ in series["data"]] == moments.times.tolist()
            found.append(([math.nan if value is None else value for _, value in series["data"]], values.tolist()))
        return found

    # A sample may have been written since the chart was drawn: then the next refresh has it.
    def are_equal(found: list[tuple[list[float], list[float]]]) -> bool:
        return all(drawn == pytest.approx(answered, nan_ok=True) for drawn, answered in found)

    found = eventually(both, are_equal, "the chart has what the store answers")
    assert all(max(drawn) > 0.0005 for drawn, _ in found)


@pytest.mark.smoke
def test_the_overview_lists_models_by_their_visible_names(tab: Callable[..., Tab]) -> None:
    opened = tab().go("/")

    rows = opened.page.locator("section[aria-label=Models] tbody th")
    assert rows.count() == 2
    assert {row.split("…")[0][:30] for row in rows.all_inner_texts()} == {PLAIN, HOSTILE[:30]}
    assert opened.page.locator("section[aria-label=Models] img").count() == 0
    rows.first.locator("a").click()
    opened.page.wait_for_function("document.querySelector('.sw-updated')?.innerText.startsWith('Updated')")
    assert opened.page.locator("h1").inner_text().startswith("<img src=x")
    assert len(opened.option("throughput")["series"]) == 3


def test_events_are_marks_on_the_time_axis(tab: Callable[..., Tab]) -> None:
    opened = tab().go(f"/model/{PLAIN}")

    marks = opened.option("latency")["series"][-1]["markLine"]["data"]
    listed = opened.page.locator("section[aria-label=Events] tbody tr").count()
    assert len(marks) == listed == 4, "the other model's restart is not among them"


def test_a_tooltip_is_drawn_and_is_no_html(tab: Callable[..., Tab]) -> None:
    opened = tab().go("/")
    opened.option("throughput")
    opened.page.locator("[data-chart=throughput]").hover()
    eventually(
        lambda: opened.written_on("throughput"),
        lambda texts: any(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text) for text in texts),
        "the tooltip says a moment",
    )
    assert [text for text in opened.written_on("throughput") if text.startswith(HOSTILE[:20])]
    opened.shot("tooltip")
    assert opened.page.locator("[data-chart=throughput] > div").count() == 1, "the canvas' frame, and no tooltip's"


def test_a_zoom_stays_while_the_chart_is_refreshed(tab: Callable[..., Tab]) -> None:
    opened = tab().go("/")
    before = opened.option("throughput")["xAxis"][0]["max"]
    opened.page.evaluate(
        f"key => {CHART}.dispatchAction({{type: 'dataZoom', dataZoomIndex: 0, start: 50, end: 80}})", "throughput"
    )
    true_soon(lambda: opened.option("throughput")["xAxis"][0]["max"] > before, "it is refreshed")
    zoom = opened.option("throughput")["dataZoom"][0]
    assert (zoom["start"], zoom["end"]) == (50, 80)
    opened.shot("zoomed")


def test_an_alert_is_shown_without_reload(tab: Callable[..., Tab], running: Running) -> None:
    opened = tab().go("/alerts")
    opened.page.evaluate("window.__same = true")
    before = running.monitor.found
    running.monitor.found = (*before, alert(f"Burning {HOSTILE}", AlertState.FIRING, model=PLAIN))
    try:
        opened.page.get_by_text("Burning", exact=False).first.wait_for()
        assert opened.page.locator("nav a.sw-firing").inner_text() == "Alerts (1)"
        assert opened.page.evaluate("window.__same") is True
        opened.shot("alerts-firing")
    finally:
        running.monitor.found = before


def test_only_who_logged_in_can_silence(tab: Callable[..., Tab], running: Running) -> None:
    opened = tab().go("/alerts")
    assert opened.page.locator("td button").count() == 0

    opened.log_in()
    opened.page.get_by_role("button", name=re.compile("^Silence SlowModel.* for 8 h$")).click()
    true_soon(lambda: running.monitor.silenced, "the alert is silenced")
    assert running.monitor.silenced == [("SlowModel", 8 * 3600.0)]
    opened.page.get_by_text("SlowModel is silent for 8 h.").wait_for()


def test_a_wrong_password_is_told_and_changes_nothing(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.page.goto(opened.url + "/login")
    opened.page.fill("input[name=password]", "guess")
    opened.page.click("main button[type=submit]")

    opened.page.locator("main .sw-banner", has_text="The password is wrong").wait_for()
    opened.go("/alerts")
    assert opened.page.locator("td button").count() == 0


def test_an_action_is_done_only_after_its_plan_was_confirmed(tab: Callable[..., Tab], running: Running) -> None:
    opened = tab().log_in().go(f"/model/{PLAIN}")
    opened.page.get_by_label("Version", exact=True).fill("2")
    opened.page.get_by_role("button", name="Roll out…").click()
    opened.page.get_by_text(f"move traffic of <b>{PLAIN}</b>").wait_for()
    assert running.fleet.done == []
    opened.shot("plan")

    opened.page.get_by_role("button", name="Do it").click()
    opened.page.get_by_text("rolled out", exact=True).wait_for()
    assert running.fleet.done == [f"rollout {PLAIN} 2"]


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_never_scrolls_sideways(name: str, tab: Callable[..., Tab]) -> None:
    opened = tab(viewport={"width": 375, "height": 740}, device_scale_factor=2).go(PAGES[name])

    assert opened.overflow() <= 0
    opened.shot(f"phone-{name}")


def test_dark_follows_the_system_and_can_be_switched(tab: Callable[..., Tab]) -> None:
    opened = tab(color_scheme="dark").go("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert opened.page.evaluate(ground) == "rgb(14, 20, 27)"
    opened.shot("dark-overview")

    switch = opened.page.get_by_role("button", name=re.compile("^Colours"))
    switch.click()
    switch.click()
    true_soon(lambda: opened.page.evaluate(ground) == "rgb(244, 246, 248)", "it is light")
    opened.go("/servers")
    true_soon(lambda: opened.page.evaluate(ground) == "rgb(244, 246, 248)", "it stays light")
    assert opened.page.get_by_role("button", name="Colours: light").count() == 1


def test_a_chosen_time_range_is_kept_from_page_to_page(tab: Callable[..., Tab]) -> None:
    opened = tab().go("/")
    opened.page.get_by_role("link", name="The last 15 minutes").click()
    opened.page.wait_for_url("**range=15m")
    opened.page.locator("section[aria-label=Models] tbody a").last.click()
    opened.page.wait_for_url(f"**/model/{PLAIN}?range=15m")
    axis = opened.option("throughput")["xAxis"][0]
    assert axis["max"] - axis["min"] == 15 * 60 * 1000


def test_everything_is_reached_by_keyboard_beginning_with_the_way_past_the_navigation(tab: Callable[..., Tab]) -> None:
    opened = tab().go("/")
    seen = []
    for _ in range(14):
        opened.page.keyboard.press("Tab")
        seen.append(opened.page.evaluate("document.activeElement.innerText.trim()"))

    assert seen[0] == "Skip to the content"
    assert {"Seaway", "Overview", "Compare", "Alerts", "Servers", "15m", "30d"} <= set(seen)


BY_HAND = f"""
window.beats = [];
const interval = window.setInterval;
window.setInterval = (call, pause, ...more) =>
    pause === {REFRESH_S * 1000} ? beats.push(call) : interval(call, pause, ...more);
"""
"""The regular question for news is asked when a test says so, and no time goes by."""
BEAT = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
    beats.forEach(beat => beat());
}"""


def test_a_hidden_tab_asks_for_nothing(tab: Callable[..., Tab]) -> None:
    opened = tab()
    opened.page.add_init_script(BY_HAND)
    are_questions: list[bool] = []
    opened.page.on(
        "websocket",
        lambda socket: socket.on("framesent", lambda frame: are_questions.append('"event"' in frame)),
    )
    opened.go("/")
    assert opened.page.evaluate("beats.length") == 1
    for _ in range(3):
        opened.page.evaluate(BEAT, True)
    opened.page.evaluate(BEAT, False)

    # One when it was opened, one when it is seen again, one of the next beat. Frames keep their order: had the hidden
    # tab asked, its questions would be among them.
    eventually(lambda: (opened.page.title(), sum(are_questions))[1], lambda count: count >= 3, "it asks again")
    before = opened.page.locator(".sw-updated").inner_text()
    assert sum(are_questions) == 3
    true_soon(
        lambda: (opened.page.evaluate(BEAT, False), opened.page.locator(".sw-updated").inner_text())[1] != before,
        "it is refreshed",
    )


def test_when_no_server_answers_the_page_says_what_to_do(tab: Callable[..., Tab], running: Running) -> None:
    running.monitor.problem = "timed out after 2 s"
    try:
        opened = tab().go("/")
        said = opened.page.locator(".sw-banner").inner_text()
        assert said.startswith("No server answers: replica-a: timed out after 2 s")
        assert "Check that they run" in said
        opened.shot("down")
    finally:
        running.monitor.problem = ""


@pytest.mark.parametrize("name", [*PAGES, "login"])
def test_history_that_stopped_is_said_on_every_page(name: str, tab: Callable[..., Tab], running: Running) -> None:
    before = running.monitor.found
    running.monitor.found = (alert("SeawayMonitorHistoryStopped", AlertState.FIRING), *before)
    try:
        opened = tab()
        opened.page.goto(opened.url + PAGES.get(name, "/login"))
        banner = opened.page.locator(".sw-stopped")
        banner.wait_for()
        assert banner.inner_text().startswith("Since 2")
        opened.shot(f"stopped-{name}")
    finally:
        running.monitor.found = before
    if name != "login":  # It is not refreshed.
        banner.wait_for(state="hidden")


class Broken:
    """A store that is damaged."""

    def __getattr__(self, name: str) -> Any:
        raise sqlite3.DatabaseError("database disk image is <b>malformed</b>")


@pytest.mark.parametrize("path", ["/", f"/model/{PLAIN}", "/compare", "/servers"])
def test_a_store_that_cannot_be_read_is_told_and_the_page_recovers(
    path: str, tab: Callable[..., Tab], running: Running
) -> None:
    running.monitor.store = Broken()  # type: ignore[assignment]
    try:
        opened = tab()
        opened.page.goto(opened.url + path)
        opened.page.locator(".sw-banner", has_text="The store cannot be read").wait_for()
    finally:
        running.monitor.store = running.store
    opened.page.locator(".sw-banner").wait_for(state="hidden")


def test_secrets_of_addresses_are_not_shown(tab: Callable[..., Tab]) -> None:
    opened = tab().go("/servers")
    assert "10.0.0.1" in opened.page.content()
    assert "secret" not in opened.page.content()


def test_routes_that_are_added_later_answer_besides_the_page(tab: Callable[..., Tab]) -> None:
    opened = tab()
    answer = opened.page.request.get(opened.url + "/api/v1/added-later")
    assert json.loads(answer.body()) == {"answers": True}
    assert opened.page.request.get(opened.url + "/" + quote("not there")).status == 404
    opened.go("/")


OPEN_TO_ALL = """
import sys
from pathlib import Path
from tests.support.monitor_page import Running
Running(Path(sys.argv[1]), password="", port=int(sys.argv[2])).thread.join()
"""


def test_a_page_without_a_password_only_shows_and_says_how_to_enable_more(browser: Any, tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", OPEN_TO_ALL, str(tmp_path), str(port)], cwd=ROOT)
    try:
        opened = Tab(browser, f"http://127.0.0.1:{port}")
        true_soon(lambda: opened.page.request.get(opened.url).ok, "the page is served")
        opened.go("/alerts")
        assert "--password-file" in opened.page.locator(".sw-aside:visible").first.inner_text()
        assert opened.page.locator("td button").count() == 0
        assert opened.page.get_by_text("Log in").count() == 0
        opened.go(f"/model/{PLAIN}")
        assert opened.page.get_by_role("button", name="Roll out…").count() == 0
        assert "Nothing was seen of a model" in opened.page.locator(".sw-hint:visible").inner_text()
        opened.go("/compare")
        assert "no two versions" in opened.page.locator(".sw-hint:visible").inner_text()
        opened.go("/")
        assert "seaway predict" in opened.page.locator(".sw-hint:visible").inner_text()
        opened.shot("empty")
        assert opened.complaints == []
        opened.context.close()
    finally:
        process.terminate()
        process.wait(20)
