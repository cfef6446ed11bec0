"""How hypothesis runs in every test: without limits of real time.

Its own are 200 ms for an example, and a second for making up ten of them, which a busy machine needs now and then; that
says nothing of the code under test, and pytest's time limit ends what really hangs.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

PROFILE = "seaway"


def load_profile() -> None:
    """Make the profile the default of all properties that are collected from now on."""
    settings.register_profile(PROFILE, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile(PROFILE)
