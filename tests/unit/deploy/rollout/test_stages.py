"""The stages of a rollout and what is published in each."""

from __future__ import annotations

from seaway.deploy.description.schema import Rollout
from seaway.deploy.rollout.stages import Stage, at_stage, settled, stages
from seaway.fleet.published import PublishedModel, Traffic

MODEL = PublishedModel("m", "m", (6,), {"stable": 6}, traffic=Traffic(6))


def test_the_stages_of_a_rollout() -> None:
    names = [str(stage) for stage in stages(Rollout())]
    assert names == ["shadow 10%", "canary 1%", "canary 10%", "canary 50%", "bake"]
    assert [stage.name for stage in stages(Rollout(shadow=0.0, canary=[]))] == ["bake"]


def test_what_is_published_in_each() -> None:
    shadow = at_stage(MODEL, (6, 7), Stage("shadow", 1, shadow=0.1), "x-user")
    assert (shadow.versions, shadow.traffic) == ((6, 7), Traffic(6, 7, 0.0, "x-user", 0.1))
    canary = at_stage(shadow, (6, 7), Stage("canary", 1, canary=0.5), "x-user")
    assert (canary.versions, canary.traffic) == ((6, 7), Traffic(6, 7, 0.5, "x-user"))
    bake = at_stage(canary, (6, 7), Stage("bake", 1), "x-user")
    assert (bake.versions, bake.traffic) == ((6, 7), Traffic(7, 6)), "the one before stays loaded"


def test_the_end_keeps_what_is_described_and_labelled() -> None:
    baked = at_stage(MODEL, (6, 7), Stage("bake", 1), "")
    assert settled(baked, 7, lambda live: (live,)).versions == (6, 7), "6 has a label"
    unlabelled = PublishedModel("m", "m", (6, 7), traffic=Traffic(7, 6))
    assert settled(unlabelled, 7, lambda live: (live,)) == PublishedModel("m", "m", (7,), traffic=Traffic(7))
    assert settled(unlabelled, 6, lambda live: (live - 1, live)).versions == (5, 6)
