"""What a monitor has to say against a rollout."""

from __future__ import annotations

import pytest

from seaway.deploy.description.schema import Check
from seaway.deploy.description.schema import Rollout as Settings
from seaway.deploy.measurements import Firing
from seaway.deploy.rollout.checks import Measured, asked, broken, look
from seaway.deploy.rollout.record import Rollout

ROLLOUT = Rollout("1", "m", 6, 7, "ann", 1000.0, ())
CLICKS = Settings(checks=[Check("clicks", "click_rate", min=0.5, max=0.9)])
ALERTS = Settings(alerts=["Slow"])
ALL = Settings(alerts=["*"])


def fires(name: str = "Slow", since: float = 1001.0, **labels: str) -> Measured:
    return Measured({}, (Firing(name, labels, since, "p99 is 2 s"),))


@pytest.mark.parametrize(
    ("settings", "measured", "said"),
    [
        pytest.param(CLICKS, Measured({"clicks": (0.7,)}, ()), "", id="within"),
        pytest.param(CLICKS, Measured({"clicks": (0.5, 0.9)}, ()), "", id="the-bounds-are-allowed"),
        pytest.param(
            CLICKS, Measured({"clicks": (0.4,)}, ()), "check `clicks` is 0.4, allowed are at least 0.5", id="below"
        ),
        pytest.param(
            CLICKS, Measured({"clicks": (0.7, 0.91)}, ()), "check `clicks` is 0.91, allowed are at most 0.9", id="above"
        ),
        pytest.param(CLICKS, Measured({"clicks": ()}, ()), "", id="no-answer-says-nothing"),
        pytest.param(ALERTS, fires(model="m"), "alert Slow fires: p99 is 2 s", id="fires-for-the-model"),
        pytest.param(ALERTS, fires(), "alert Slow fires: p99 is 2 s", id="fires-for-all"),
        pytest.param(ALERTS, fires(model="other"), "", id="fires-for-another-model"),
        pytest.param(ALERTS, fires(model="m", version="6"), "", id="fires-for-the-version-before"),
        pytest.param(ALERTS, fires(model="m", version="7"), "alert Slow fires: p99 is 2 s", id="fires-for-the-new-one"),
        pytest.param(ALERTS, fires(since=999.0), "", id="was-there-before"),
        pytest.param(ALERTS, fires("Down"), "", id="is-not-asked-about"),
        pytest.param(ALL, fires("Down"), "alert Down fires: p99 is 2 s", id="every-alert"),
    ],
)
def test_what_speaks_against_a_candidate(settings: Settings, measured: Measured, said: str) -> None:
    assert broken(settings, measured, ROLLOUT) == said


def test_a_question_names_model_and_versions_and_keeps_what_is_not_ours() -> None:
    check = Check("x", 'rate(x{model="$model",version=~"$version|$live",path=~"a$"}[1m])', max=1)
    assert asked(check, ROLLOUT) == 'rate(x{model="m",version=~"7|6",path=~"a$"}[1m])'


def test_nothing_is_asked_that_the_settings_do_not_want_to_know() -> None:
    class Nobody:
        """Fails whoever asks."""

        def values(self, question: str) -> tuple[float, ...]:
            raise AssertionError(question)

        def firing(self) -> tuple[Firing, ...]:
            raise AssertionError

    assert look(Nobody(), Settings(), ROLLOUT) == Measured({}, ())
