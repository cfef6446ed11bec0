"""How hypothesis runs in every test: without a deadline for an example.

Its own is 200 ms of real time, which a busy machine needs now and then for an example that usually takes one; that
says nothing of the code under test, and pytest's time limit ends what really hangs.
"""

from __future__ import annotations

from hypothesis import settings

PROFILE = "seaway"


def load_profile() -> None:
    """Make the profile the default of all properties that are collected from now on."""
    settings.register_profile(PROFILE, deadline=None)
    settings.load_profile(PROFILE)
