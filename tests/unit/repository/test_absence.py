"""What is said of a model that is not found, by a table."""

from __future__ import annotations

import logging

import pytest

from seaway.errors import NotFound, PermissionDenied, SeawayError, Unavailable
from seaway.repository.absence import absence

MISSING = NotFound("base path /no/such of model 'm' does not exist")
CLOSED = PermissionDenied("base path /closed of model 'm' may not be read")
AGAIN = "; it is not looked for again, since models.file_system_poll_wait_seconds is 0: reload"


@pytest.mark.parametrize(
    ("problem", "next_look_s", "level", "said"),
    [
        pytest.param(MISSING, 1.0, logging.WARNING, "; it is looked for every 1 s and served as soon", id="waits"),
        pytest.param(MISSING, None, logging.WARNING, AGAIN, id="looks-once"),
        pytest.param(CLOSED, 2.5, logging.ERROR, "; it is looked at again every 2.5 s", id="may-not"),
        pytest.param(CLOSED, None, logging.ERROR, AGAIN, id="may-not-and-looks-once"),
        pytest.param(Unavailable("the store is down"), 8.0, logging.WARNING, "", id="passes"),
    ],
)
def test_what_is_said(problem: SeawayError, next_look_s: float | None, level: int, said: str) -> None:
    found_level, text = absence(problem, next_look_s)
    assert found_level == level
    assert text.startswith(problem.message + said)
