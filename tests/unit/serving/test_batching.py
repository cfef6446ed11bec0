"""Which rules apply to a version, and how changed files reach those that are loaded."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from seaway.errors import InvalidArgument
from seaway.repository.ids import ServableId
from seaway.repository.source import AspiredVersion
from seaway.serving.batching import BatchingAdmin, BatchingPoller, BatchingRules
from seaway.serving.served import Served, ServedVersions
from seaway.settings.batching import Batching
from seaway.settings.batching_parameters import MODEL_FILE, OFF, Rules
from seaway.settings.model_config import ModelConfig


class RecordingPlane:
    """Stands for the plane: remembers the rules it is given, so that no server is needed."""

    def __init__(self) -> None:
        self.given: list[tuple[int, dict[str, Any]]] = []
        self.proven: list[int] = []

    def set_batching(self, channel: int, rules: str) -> None:
        self.given.append((channel, json.loads(rules)))

    def prove_batching(self, channel: int, records: list[bytes], timeout_s: float) -> str:
        self.proven.append(channel)
        return json.dumps({"serving_default": None, "odd": "it has no inputs", "__saved_model_init_op": "no inputs"})


class Site:
    """A plane that records, the versions that are loaded, and what gives them rules."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.path = path
        self.plane = RecordingPlane()
        self.served = ServedVersions()
        self.rules = rules(**settings)
        self.changes: list[None] = []
        changed = partial(self.changes.append, None)
        self.admin = BatchingAdmin(cast(Any, self.plane), self.served, self.rules.settings, changed)

    def load(self, model: str, channel: int, batching: dict[str, str | None] | None = None) -> Rules:
        """Load version `channel` of a model as a loader does; the rules that it was given."""
        configured = self.rules.rules(model, self.path)
        given = self.admin.rules(model, configured)
        self.enter(model, channel, configured, given, batching)
        return given

    def enter(
        self, model: str, channel: int, configured: Rules, given: Rules, batching: dict[str, str | None] | None = None
    ) -> None:
        """The last step of a load."""
        version = AspiredVersion(ServableId(model, channel), self.path, ModelConfig(model, str(self.path)))
        proofs = {"serving_default": None} if batching is None else batching
        worker = cast(Any, FakeWorker())
        served = Served(
            *(version, channel, worker, False, "tensorflow", 0.1, configured, proofs),
            on_lost=lambda _: None,
            switch=lambda _: None,
        )
        self.admin.enter(served, given)

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Channels and the greatest batch that each was given, in order."""
        return [(channel, given["max_batch_size"]) for channel, given in self.plane.given]

    def shown(self, model: str, channel: int) -> Any:
        """What the list of models says of a version's batching."""
        return self.served.shown()[ServableId(model, channel)]["batching"]


class FakeWorker:
    """Stands for a worker's process, of which only the number is asked."""

    pid = 7


def rules(**settings: Any) -> BatchingRules:
    return BatchingRules(Batching(**settings), cores=2)


def test_switched_off_models_run_unbatched(tmp_path: Path) -> None:
    assert rules(enabled=False).rules("m", tmp_path) == OFF
    assert rules(except_models=("m",)).rules("m", tmp_path) == OFF
    assert rules(except_models=("m",)).rules("other", tmp_path)["enabled"]


def test_a_version_has_its_own_parameters_or_none(tmp_path: Path) -> None:
    own = rules(per_model_parameters=True)
    assert own.rules("m", tmp_path) == OFF

    (tmp_path / MODEL_FILE).write_text("max_batch_size { value: 7 }")
    assert own.rules("m", tmp_path)["max_batch_size"] == 7

    (tmp_path / MODEL_FILE).write_text("max_batch_size { value: 0 }")
    with pytest.raises(InvalidArgument, match="max_batch_size is 0"):
        own.rules("m", tmp_path)


def test_a_changed_file_reaches_loaded_versions_once_and_a_broken_one_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "batching.txt"
    file.write_text("max_batch_size { value: 7 }")
    site = Site(tmp_path, parameters_file=str(file))
    site.load("m", 3)
    poller = BatchingPoller(site.served, site.rules, site.admin)

    poller.look()
    assert site.plane.given == []

    file.write_text("max_batch_size { value: 9 }")
    poller.look()
    poller.look()
    assert site.sizes == [(3, 9)]

    file.write_text("nonsense")
    poller.look()
    assert len(site.plane.given) == 1


def test_a_call_reaches_all_versions_of_its_model_and_those_to_come(tmp_path: Path) -> None:
    site = Site(tmp_path)
    for model, channel in [("m", 1), ("m", 2), ("other", 3)]:
        site.load(model, channel)
    site.admin.set_by_call("m", '{"max_batch_size": 5}')
    assert site.sizes == [(1, 5), (2, 5)]
    assert len(site.changes) == 1
    assert site.load("m", 4)["max_batch_size"] == 5
    assert "max_batch_size" not in site.load("other", 5)


def test_a_call_that_comes_during_a_load_counts_for_what_was_loaded(tmp_path: Path) -> None:
    site = Site(tmp_path)
    configured = site.rules.rules("m", tmp_path)
    site.admin.set_by_call("m", '{"max_batch_size": 5}')
    site.enter("m", 1, configured, configured)
    assert site.sizes == [(1, 5)]


def test_a_call_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.load("m", 1)
    with pytest.raises(InvalidArgument, match="parameters of model 'm': max_batch_size is 0; use at least 1"):
        site.admin.set_by_call("m", '{"max_batch_size": 0}')
    assert site.plane.given == []
    assert site.load("m", 2) == site.rules.rules("m", tmp_path)


def test_a_file_that_changes_ends_what_a_call_said(tmp_path: Path) -> None:
    file = tmp_path / "batching.txt"
    file.write_text("max_batch_size { value: 7 }")
    site = Site(tmp_path, parameters_file=str(file))
    site.load("m", 1)
    poller = BatchingPoller(site.served, site.rules, site.admin)
    site.admin.set_by_call("m", '{"max_batch_size": 5}')
    poller.look()
    assert site.sizes == [(1, 5)], "the file has not changed"

    file.write_text("max_batch_size { value: 9 }")
    poller.look()
    assert site.sizes == [(1, 5), (1, 9)]
    assert site.load("m", 2)["max_batch_size"] == 9


def test_a_version_that_was_loaded_unbatched_is_proven_when_batching_is_switched_on(tmp_path: Path) -> None:
    site = Site(tmp_path, enabled=False)
    site.load("m", 1, batching={})
    assert site.shown("m", 1) == {}
    for _ in range(2):
        site.admin.set_by_call("m", "{}")
    assert site.plane.proven == [1]
    assert site.shown("m", 1) == {"serving_default": "on", "odd": "off: it has no inputs"}
    site.admin.set_by_call("m", '{"enabled": false}')
    assert site.shown("m", 1) == {}
