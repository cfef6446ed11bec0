"""What becomes of a batch, by tables."""

from __future__ import annotations

import pytest

from seaway.monitor.remote.decision import Fate, fate, pause_s

WALL = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(200, Fate.SENT, id="ok"),
        pytest.param(204, Fate.SENT, id="no-content"),
        pytest.param(0, Fate.AGAIN, id="no-answer"),
        pytest.param(429, Fate.AGAIN, id="too-many"),
        pytest.param(500, Fate.AGAIN, id="broken"),
        pytest.param(503, Fate.AGAIN, id="away"),
        pytest.param(400, Fate.DROPPED, id="out-of-order"),
        pytest.param(401, Fate.DROPPED, id="unauthenticated"),
        pytest.param(404, Fate.DROPPED, id="no-receiver-there"),
        pytest.param(302, Fate.DROPPED, id="redirect"),
    ],
)
def test_an_answer_means(status: int, expected: Fate) -> None:
    assert fate(status) is expected


@pytest.mark.parametrize(
    ("tries", "asked", "draw", "expected"),
    [
        pytest.param(1, "", 0.0, 0.25, id="first-shortest"),
        pytest.param(1, "", 1.0, 0.5, id="first-longest"),
        pytest.param(3, "", 1.0, 2.0, id="doubles"),
        pytest.param(1000, "", 1.0, 30.0, id="is-bounded"),
        pytest.param(1, "7", 0.0, 7.0, id="asked-in-seconds"),
        pytest.param(9, "0", 0.0, 0.5, id="asked-for-none"),
        pytest.param(1, "86400", 0.0, 300.0, id="asked-for-a-day"),
        pytest.param(1, "Tue, 14 Nov 2023 22:13:40 GMT", 0.0, 20.0, id="asked-until-a-date"),
        pytest.param(1, "Tue, 14 Nov 2023 22:00:00 GMT", 0.0, 0.5, id="asked-until-the-past"),
        pytest.param(1, "soon", 1.0, 0.5, id="asked-for-nonsense"),
        pytest.param(1, "9" * 5000, 1.0, 300.0, id="asked-for-ever"),
    ],
)
def test_a_pause_is(tries: int, asked: str, draw: float, expected: float) -> None:
    assert pause_s(tries, asked, WALL, draw) == pytest.approx(expected)
