"""What the tests of the commands share: a clean root logger, plain output, and servers that are stand-ins."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import typer.rich_utils
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from seaway.settings.effective import SETTINGS_FILE_VARIABLE
from seaway.settings.logging import DroppingHandler
from seaway.settings.server import ServerSettings, all_settings
from tests.support.fake_rest import FakeRest, listening


@pytest.fixture(autouse=True)
def root_logger_restored() -> Iterator[None]:
    root = logging.getLogger()
    level = root.level
    yield
    root.setLevel(level)
    for handler in [handler for handler in root.handlers if isinstance(handler, DroppingHandler)]:
        root.removeHandler(handler)


@pytest.fixture(autouse=True)
def plain_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same width, no colour and no boxes, whatever terminal or CI the tests run under."""
    monkeypatch.setattr(typer.rich_utils, "FORCE_TERMINAL", None)
    monkeypatch.setattr(typer.rich_utils, "MAX_WIDTH", 100)
    monkeypatch.setattr(typer.rich_utils, "Panel", unboxed)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("NO_COLOR", "1")
    for setting in all_settings():
        monkeypatch.delenv(setting.declaration.env, raising=False)
    monkeypatch.delenv(SETTINGS_FILE_VARIABLE, raising=False)


def unboxed(content: RenderableType, *, title: str, **_: object) -> RenderableType:
    """The content below its title, as wide as a panel's: where a line ends is the same with and without a box."""
    return Group(Text(title), Padding(content, (0, 2)))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[ServerSettings]:
    """Stands in for the running server: remembers the settings it was started with and ends at once with 0."""
    settings: list[ServerSettings] = []

    def start(given: ServerSettings, beside: object = None) -> int:
        settings.append(given)
        return 0

    monkeypatch.setattr("seaway.cli.serve.start", start)
    monkeypatch.setattr("seaway.cli.tensorflow_model_server.command.start", start)
    return settings


@pytest.fixture
def rest() -> Iterator[FakeRest]:
    """A REST port that gives one fixed answer."""
    with listening() as fake:
        yield fake
