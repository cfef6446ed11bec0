"""Fixtures and options that every kind of test shares; what one kind alone needs lies beside it."""

from __future__ import annotations

import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.models import cache
from tests.support.artifacts import ARTIFACTS, FAILED
from tests.support.namespaces import isolate
from tests.support.properties import load_profile
from tests.support.scheduling import arrange, mark, scheduler, starts_servers
from tests.support.server import Server, config_text

START_SERVERS = ("e2e", "conformance")
"""The directories of tests that start servers."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--e2e`: tests that start real servers take minutes, so they are asked for."""
    parser.addoption("--e2e", action="store_true", help="also run tests that start real server processes")


def pytest_configure(config: pytest.Config) -> None:
    """Set what holds in every process of a run.

    Ctrl-C has to reach programs under test also when pytest itself was started in the background: a shell has such a
    command ignore SIGINT, and so would everything that it starts.
    """
    load_profile()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Isolate each process that runs tests from the others, and from the machine; not the one that hands them out."""
    if session.config.getoption("dist", "no") == "no" or hasattr(session.config, "workerinput"):
        isolate()


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without `--e2e`, do not even import the tests that start servers: they bring TensorFlow along."""
    is_asked_for = config.getoption("--e2e") or any(place in str(config.args) for place in START_SERVERS)
    if not is_asked_for and collection_path.name in START_SERVERS and collection_path.parent.name == "tests":
        return True
    return None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark a test by where it lies."""
    mark(item)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Arrange what runs in which process; without `--e2e`, leave out what starts servers and count it as left out.

    Last of all, so that a shuffled run keeps its groups together and begins with the longest.
    """
    if not config.getoption("--e2e"):
        left_out = [item for item in items if starts_servers(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not starts_servers(item)]
    arrange(items)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share a run out among processes as tests/support/scheduling.py says."""
    return scheduler(config, log)


@pytest.fixture(scope="session")
def models() -> cache.Models:
    """Real SavedModels, built once per checkout by a separate process: tests never import TensorFlow for them."""
    return cache.prepare()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember on the test whether it failed, so that fixtures know if what they hold is worth keeping."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture
def start(request: pytest.FixtureRequest) -> Iterator[Callable[..., Server]]:
    """Start servers: `start(models, *flags)` with a dict of base paths (or config lines), or with a config file's path.

    All of them are ended afterwards, and so is whatever they left. When the test fails their directories stay in
    `artifacts/`.
    """
    directory = ARTIFACTS / re.sub(r"[^\w.-]+", "_", request.node.nodeid.removeprefix("tests/"))
    shutil.rmtree(directory, ignore_errors=True)
    servers: list[Server] = []

    def start_one(
        models: Mapping[str, Path | str] | Path | None = None, *flags: str, ready: bool = True, **options: Any
    ) -> Server:
        own = directory / f"server-{len(servers) + 1}"
        own.mkdir(parents=True)
        arguments = list(flags)
        if isinstance(models, Mapping):
            (own / "config.cfg").write_text(config_text(models))
        config = models if isinstance(models, Path) else own / "config.cfg"
        if models is not None:
            arguments = ["--config", str(config), *arguments]
        server = Server(own, "serve", *arguments, **options)
        servers.append(server)
        return server.wait_ready() if ready else server

    yield start_one
    for server in servers:
        server.clean_up()
    if not request.node.stash.get(FAILED, False):
        shutil.rmtree(directory, ignore_errors=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what was not tested, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    reasons = Counter(report.longrepr[2] if isinstance(report.longrepr, tuple) else "" for report in skipped)
    terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} x {reason.removeprefix('Skipped: ')}")
