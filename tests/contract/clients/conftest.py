"""The server of the conformance table, and each way to ask it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.client_kits import KITS, Kit
from tests.support.conformance.subject import Subject, subject

__all__ = ["subject"]


@pytest.fixture(scope="module", params=KITS)
def kit_name(request: pytest.FixtureRequest) -> str:
    """The name of one way to ask."""
    return str(request.param)


@pytest.fixture(scope="module")
def kit(kit_name: str, subject: Subject) -> Iterator[Kit]:
    """One way to ask."""
    made = KITS[kit_name](subject)
    yield made
    made.close()
