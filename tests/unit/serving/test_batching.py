"""Which rules apply to a version, and how changed files reach those that are loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from seaway.errors import InvalidArgument
from seaway.repository.ids import ServableId
from seaway.repository.source import AspiredVersion
from seaway.serving.batching import BatchingPoller, BatchingRules
from seaway.serving.served import Served, ServedVersions
from seaway.settings.batching import Batching
from seaway.settings.batching_parameters import MODEL_FILE, OFF
from seaway.settings.model_config import ModelConfig


class RecordingPlane:
    """Stands for the plane: remembers the rules it is given, so that no server is needed."""

    def __init__(self) -> None:
        self.given: list[tuple[int, dict[str, Any]]] = []

    def set_batching(self, channel: int, rules: str) -> None:
        self.given.append((channel, json.loads(rules)))


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
    found = rules(parameters_file=str(file))
    served, plane = ServedVersions(), RecordingPlane()
    version = AspiredVersion(ServableId("m", 1), tmp_path, ModelConfig("m", str(tmp_path)))
    before = found.rules("m", tmp_path)
    served.add(
        Served(version, 3, cast(Any, None), False, "tensorflow", 0.1, before, {}, lambda _: None, lambda _: None)
    )
    poller = BatchingPoller(cast(Any, plane), served, found)

    poller.look()
    assert plane.given == []

    file.write_text("max_batch_size { value: 9 }")
    poller.look()
    poller.look()
    assert [(channel, given["max_batch_size"]) for channel, given in plane.given] == [(3, 9)]

    file.write_text("nonsense")
    poller.look()
    assert len(plane.given) == 1
