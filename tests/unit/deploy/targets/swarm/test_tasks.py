"""When Swarm has nothing more to update."""

from __future__ import annotations

import pytest

from seaway.deploy.targets.swarm.tasks import has_updated


@pytest.mark.parametrize(
    ("state", "is_new_template", "waited_s", "is_done"),
    [
        pytest.param("completed", True, 0.0, True, id="it-says-so"),
        pytest.param("updating", True, 60.0, False, id="it-is-at-it"),
        pytest.param("", False, 0.0, True, id="a-number-of-replicas-is-no-update"),
        pytest.param("", True, 0.0, False, id="it-has-not-begun-to-replace-tasks"),
        pytest.param("", True, 10.0, True, id="the-change-replaces-no-task"),
    ],
)
def test_an_update_is_over_when_swarm_says_so_or_has_none(
    state: str, is_new_template: bool, waited_s: float, is_done: bool
) -> None:
    assert has_updated(state, is_new_template, waited_s) is is_done
