"""What the verbs of the monitor share: what it needs to be installed, and its records, opened and closed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from seaway import extras
from seaway.errors import FailedPrecondition

if TYPE_CHECKING:
    from seaway.monitor.store.store import Store

NEEDED = ("apprise", "fastapi", "nicegui", "prometheus_client", "promql_parser")
"""What a whole monitor imports beyond what every installation has: the extra `monitor`."""


@contextmanager
def monitor_imports() -> Iterator[None]:
    """Import parts of the monitor inside. Raises: FailedPrecondition - what they need is not installed; says how."""
    try:
        yield
    except ImportError as err:
        raise FailedPrecondition(f"{err.name} is not installed; `{extras.command('monitor')}` brings it") from err


@contextmanager
def recorded(directory: Path | None) -> Iterator[Store]:
    """Open what a monitor has kept in a directory, the user's unless given. Raises: NotFound - there is nothing."""
    with monitor_imports():
        from seaway.monitor.place import STORE_FILE, default_directory  # noqa: PLC0415 - see above
        from seaway.monitor.store.store import open_existing  # noqa: PLC0415
    opened = open_existing((directory or default_directory()) / STORE_FILE)
    try:
        yield opened
    finally:
        opened.close()
