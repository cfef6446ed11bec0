"""What a plan says of a changed decision."""

from __future__ import annotations

import pytest

from seaway.deploy.differences import published_changes
from seaway.fleet.published import Published, PublishedLog, PublishedModel


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        pytest.param(None, PublishedLog(0.5, "m"), "m: log none → 0.5 to m", id="switched-on"),
        pytest.param(PublishedLog(0.5, "m"), None, "m: log 0.5 to m → none", id="switched-off"),
        pytest.param(
            PublishedLog(0.5, "m"), PublishedLog(0.01, "s3://b/m"), "m: log 0.5 to m → 0.01 to s3://b/m", id="moved"
        ),
    ],
)
def test_a_changed_log_is_told(before: PublishedLog | None, after: PublishedLog | None, said: str) -> None:
    decisions = [Published((PublishedModel("m", "m", (1,), log=log),)) for log in (before, after)]
    assert published_changes(*decisions) == said
