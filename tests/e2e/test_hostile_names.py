"""A real server with a model whose name is an attack: on the page, in the terminal, in a report and in the API."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest

from seaway.monitor.query.quote import quoted
from seaway.monitor.visible import visible
from tests.support.artifacts import emptied
from tests.support.clients import Client
from tests.support.eventually import eventually
from tests.support.monitor_page import CHROMIUM
from tests.support.monitoring import MODEL, Monitoring
from tests.support.server import Server, clean_environment, http

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HOSTILE = "<script>window.__pwned=1</script>\"'`\\} or vector(1) #\n# TYPE up counter\nup 7\n\x1b[2J[bold]\u202etxt"
SEAWAY = str(Path(sys.executable).with_name("seaway"))


class World:
    """The server, which answered ten requests and failed two with a hostile message, and a monitor of it."""

    def __init__(self, server: Server, monitoring: Monitoring, history: Path) -> None:
        self.server, self.monitoring, self.history = server, monitoring, history
        self.url = f"http://127.0.0.1:{monitoring.port}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory = emptied("test_hostile_names")
    place = tmp_path_factory.mktemp("hostile")
    version = place / "models" / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text(MODEL.format(pause=0.001).replace("no root of that", "<b>no</b>\\n\\x1b[2J root"))
    config = place / "models.config"
    # JSON's strings are read by protobuf's text format too.
    config.write_text(
        f"model_config_list {{ config {{ name: {_text(HOSTILE)} base_path: {_text(str(version.parent))} "
        'model_platform: "tensorflow" } }'
    )
    with ExitStack() as stack:
        server = Server(directory, "serve", "--config", str(config), "--engine", "python")
        stack.callback(server.clean_up)
        server.wait_ready()
        monitoring = Monitoring(place, server.rest_address)
        stack.callback(monitoring.stop)
        eventually(lambda: monitoring.ask("up"), bool, "the monitor looks")
        with Client(server.grpc_address) as client:
            for number in range(12):
                try:
                    client.predict(HOSTILE, x=[4.0 if number % 6 else -4.0])
                except Exception as err:
                    assert number % 6 == 0, err
        world = World(server, monitoring, place / "history")
        question = f"sum by (code) (increase(seaway_requests_total{{model={quoted(HOSTILE)}}}[5m]))"
        eventually(lambda: monitoring.ask(question), lambda found: sum(found.values()) == 12, "requests are counted")
        yield world


def _text(value: str) -> str:
    return '"' + "".join(f"\\{octet:03o}" for octet in value.encode()) + '"'


def test_the_api_has_the_name_as_it_is(world: World) -> None:
    assert HOSTILE in http(world.url + "/api/v1/label/model/values").json["data"]
    found = http(world.url + "/api/v1/query?query=" + quote("sum by (model) (rate(seaway_requests_total[5m]))")).json
    assert {each["metric"]["model"] for each in found["data"]["result"]} == {HOSTILE}
    # What it smuggles into the text of the metrics is a part of the name, and no series of its own.
    assert list(world.monitoring.ask("up").values()) == [1.0]


@pytest.mark.parametrize("command", ["top", "query"])
def test_a_terminal_shows_one_visible_line(world: World, command: str) -> None:
    arguments = {
        "top": ["top", world.server.rest_address, "--once"],
        "query": ["query", "--directory", str(world.history), "sum by (model) (increase(seaway_requests_total[5m]))"],
    }[command]
    environment = {**clean_environment(), "COLUMNS": "400"}
    ran = subprocess.run([SEAWAY, *arguments], capture_output=True, text=True, check=True, env=environment)
    assert not set(ran.stdout) & set("\x1b\u202e")
    assert "# TYPE up counter\n" not in ran.stdout
    assert "<script>" in ran.stdout


def test_top_as_json_has_the_name_as_it_is(world: World) -> None:
    command = [SEAWAY, "top", world.server.rest_address, "--once", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment())
    assert HOSTILE in {each["model"] for each in json.loads(ran.stdout)["models"]}


def test_a_report_has_no_markup_of_the_name(world: World, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    command = [SEAWAY, "report", HOSTILE, "--directory", str(world.history), "--since", "1h", "-o", str(file)]

    def reported() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())

    # A report is about whole steps of time.
    eventually(reported, lambda ran: ran.returncode == 0, "the report is written", limit_s=120)
    text = file.read_text()
    assert "<script>window.__pwned" not in text
    assert "window.__pwned" in text


@pytest.mark.parametrize("path", ["/", f"/model?name={quote(HOSTILE, safe='')}", "/servers", "/alerts"])
def test_a_page_shows_the_name_and_runs_nothing_of_it(world: World, path: str) -> None:
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="the page is tested in a browser: playwright is missing"
    )
    if not CHROMIUM.exists():
        pytest.skip(f"the page is tested in a browser: {CHROMIUM} is missing")
    assert "<script>window.__pwned" not in http(world.url + path).body.decode()
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        try:
            page = browser.new_page()
            page.goto(world.url + path)
            page.wait_for_load_state("networkidle")
            if path.partition("?")[0] in {"/", "/model"}:
                eventually(
                    lambda: page.inner_text("body"),
                    lambda text: visible("<script>window.__pwned") in text,
                    "the name is shown",
                    limit_s=30,
                )
            assert page.evaluate("window.__pwned") is None
        finally:
            browser.close()
