"""What follows from trials: carried out on parts that remember what they were told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from seaway.engines.choice import AUTO, Preferences
from seaway.engines.engine import EngineOptions
from seaway.errors import FailedPrecondition, SeawayError
from seaway.repository.ids import ServableId
from seaway.repository.source import AspiredVersion
from seaway.repository.states import ServableState, State
from seaway.serving.batching import BatchingRules
from seaway.serving.engine_plan import EnginePlans
from seaway.serving.instance import LoadOptions
from seaway.serving.served import Served, ServedVersions
from seaway.serving.trial.decisions import Decisions
from seaway.serving.trial.limits import Limits
from seaway.serving.trial.outcome import Figures, Spec, Tried
from seaway.serving.trial.tuner import Surroundings, Tuner
from seaway.settings.batching import Batching
from seaway.settings.batching_parameters import OFF
from seaway.settings.model_config import ModelConfig
from seaway.settings.trials import Trials
from tests.support.fakes import FakeClock

OPTIONS = LoadOptions("auto", EngineOptions(), "lib.so", ("serve",), b"", (), 2, 1 << 20, 10, 60.0, 5.0, 1)
USABLE = frozenset({"tensorflow", "openvino"})
FASTER = Tried("openvino", "faster", "openvino is twice as fast", 9, base=Figures(2, 1), figures=Figures(1, 2))
REFUSED = Tried("openvino", "refused", "output 'y': other values")
FAILED = Tried("openvino", "failed", "the trial was killed by SIGKILL")


class RecordingPlane:
    """Stands for the plane: remembers what it is told to count."""

    def __init__(self) -> None:
        self.observed: list[dict[str, Any]] = []

    def observe(self, metrics: str) -> None:
        self.observed += json.loads(metrics)


@dataclass
class Setting:
    """A server without a server: one version on TensorFlow, and a trial whose end a test chooses."""

    cache: Path
    outcome: Tried = FASTER
    refusal: SeawayError | None = None
    is_shared: bool = False
    specs: list[Spec] = field(default_factory=list)
    switched: list[str] = field(default_factory=list)
    on_trial: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        path = self.cache / "m" / "1"
        path.mkdir(parents=True, exist_ok=True)
        (path / "saved_model.pb").write_bytes(b"graph")
        self.version = AspiredVersion(ServableId("m", 1), path, ModelConfig("m", str(path.parent)), "f")
        self.served = ServedVersions()
        self.plane = RecordingPlane()
        self.plans = EnginePlans(
            Preferences(AUTO), OPTIONS, BatchingRules(Batching(), 2), USABLE, Decisions(str(self.cache / "c"))
        )
        self.published: list[object] = []
        work = Surroundings(cast(Any, self.plane), self.served, self.plans, self._publish, FakeClock())
        self.tuner = Tuner(Trials(), work, self._trial)
        self.serve()

    def serve(self, proof: str = "") -> None:
        worker = cast(Any, type("Worker", (), {"pid": 7}))
        self.served.add(
            Served(
                self.version,
                3,
                worker,
                self.is_shared,
                "tensorflow",
                0.1,
                OFF,
                {},
                lambda _: None,
                self._switch,
                proof,
                is_stand_in=bool(proof),
            )
        )

    def choice(self) -> Any:
        return self.served.shown()[self.version.id].get("engine_choice")

    def look(self) -> Any:
        self.tuner.look(self.version.id)
        return self.choice()

    def _publish(self) -> None:
        self.published.append(self.choice()["state"])

    def _switch(self, engine: str) -> None:
        if self.refusal:
            raise self.refusal
        self.switched.append(engine)

    def _trial(
        self, spec: Spec, limits: Limits, is_wanted: Callable[[], bool], on_step: Callable[[str], None]
    ) -> Tried:
        assert limits.seconds == 900.0
        self.specs.append(spec)
        on_step("measuring")
        self.on_trial()
        return self.outcome


def test_a_faster_engine_takes_over_and_is_remembered(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    choice = setting.look()
    assert setting.switched == ["openvino"]
    assert (choice["state"], choice["engine"], choice["before"]) == ("decided", "openvino", "tensorflow")
    assert setting.published == ["waiting", "trying openvino", "decided"]
    assert [spec.candidate.engine for spec in setting.specs] == ["openvino"]

    later = Setting(tmp_path)
    assert later.look()["state"] == "remembered"
    assert later.specs == later.switched == []


@pytest.mark.parametrize(("outcome", "is_remembered"), [(REFUSED, True), (FAILED, False)])
def test_an_engine_that_is_not_faster_changes_nothing_and_only_an_end_is_remembered(
    tmp_path: Path, outcome: Tried, is_remembered: bool
) -> None:
    setting = Setting(tmp_path, outcome)
    choice = setting.look()
    assert setting.switched == []
    assert (choice["engine"], choice["tried"][0]["why"]) == ("tensorflow", outcome.why)
    assert (Setting(tmp_path, outcome).look()["state"] == "remembered") is is_remembered


def test_a_change_that_fails_leaves_the_engine_and_says_so(tmp_path: Path) -> None:
    setting = Setting(tmp_path, refusal=FailedPrecondition("no room"))
    choice = setting.look()
    assert choice["engine"] == "tensorflow"
    assert "openvino was faster, but no room" in choice["why"]
    assert Setting(tmp_path).look()["state"] == "decided", "it is tried again by the next server"


def test_a_version_that_goes_away_during_its_trial_is_forgotten(tmp_path: Path) -> None:
    setting = Setting(tmp_path)

    def leave() -> None:
        served = setting.served.get(setting.version.id)
        assert served is not None
        setting.served.remove(served)

    setting.on_trial = leave
    setting.tuner.look(setting.version.id)
    assert setting.switched == []
    assert setting.plans.plan(setting.version).decision is None


def test_a_shared_worker_is_not_tried_and_a_stand_in_shows_its_proof(tmp_path: Path) -> None:
    shared = Setting(tmp_path, is_shared=True)
    assert shared.look()["state"] == "not tried"
    assert shared.specs == []
    shared.serve(proof="3 recorded answers came out the same")
    assert shared.look() == {"state": "direct", "why": "3 recorded answers came out the same"}


def test_trials_are_counted_and_their_series_end_with_the_version(tmp_path: Path) -> None:
    setting = Setting(tmp_path)
    setting.look()
    found = {(each["name"], each["labels"].get("kind")): each for each in setting.plane.observed}
    assert found["seaway_engine_trials_total", None]["labels"]["outcome"] == "faster"
    assert found["seaway_engine_trial_ratio", "throughput"]["value"] == 2.0
    assert found["seaway_engine_trial_ratio", "speed"]["value"] == 2.0
    setting.plane.observed.clear()
    setting.tuner.on_state(ServableState(setting.version.id, State.END))
    assert {each["op"] for each in setting.plane.observed} == {"remove"}
    assert len(setting.plane.observed) == 2
