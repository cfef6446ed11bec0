"""Fixtures and options that every kind of test shares; what one kind alone needs lies beside it."""

from __future__ import annotations

import os
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
from tests.support.server import Server, config_text


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--e2e`: tests that start real servers take minutes, so they are asked for."""
    parser.addoption("--e2e", action="store_true", help="also run tests that start real server processes")


def pytest_configure(config: pytest.Config) -> None:
    """Let Ctrl-C reach programs under test also when pytest itself was started in the background.

    A shell has such a command ignore SIGINT, and so would everything that it starts.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--e2e`, leave out what starts servers, and say so in pytest's own count.

    With `CI` set, one of them that fails is tried once more. They are a thousand and share two cores with dozens of
    servers and containers there: the first failure for the machine's sake must not hide what the others say. Whoever
    develops sees every failure at once, and the summary of a CI run names what needed its second attempt.
    """
    if config.getoption("--e2e"):
        if os.environ.get("CI"):
            for item in items:
                if _starts_servers(item):
                    item.add_marker(pytest.mark.flaky(reruns=1))
        return
    left_out = [item for item in items if _starts_servers(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _starts_servers(item: pytest.Item) -> bool:
    return bool(item.get_closest_marker("e2e") or item.get_closest_marker("conformance"))


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
    directory = ARTIFACTS / re.sub(r"[^\w.-]+", "_", request.node.name)
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
    """Say loudly what was not tested, and why, and what had to be tried again: neither proves what it should."""
    repeated = terminalreporter.stats.get("rerun", [])
    if repeated:
        terminalreporter.section("FAILED AT FIRST", sep="!", red=True, bold=True)
        for report in repeated:
            terminalreporter.line(f"{report.nodeid} ({report.when})")
            terminalreporter.line(report.longreprtext)
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    reasons = Counter(report.longrepr[2] if isinstance(report.longrepr, tuple) else "" for report in skipped)
    terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} x {reason.removeprefix('Skipped: ')}")
