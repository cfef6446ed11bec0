"""The operator's settings in the repository's terms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.serving.repository_settings import model_list, repository_options, version_policy
from seaway.settings.model_config import AllVersions, LatestVersions, SpecificVersions, VersionPolicy
from seaway.settings.models import Models
from seaway.settings.server import ServerSettings


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        pytest.param("latest:2", LatestVersions(2), id="latest"),
        pytest.param("all", AllVersions(), id="all"),
        pytest.param("specific:3,1", SpecificVersions(frozenset({1, 3})), id="specific"),
    ],
)
def test_version_policy_is_read(text: str, policy: VersionPolicy) -> None:
    assert version_policy(text) == policy


def test_a_single_model_is_called_as_its_directory_unless_named(tmp_path: Path) -> None:
    base = Models(model_base_path=str(tmp_path / "half"))

    assert [model.name for model in model_list(base).models] == ["half"]
    assert [model.name for model in model_list(replace(base, model_name="m")).models] == ["m"]


def test_a_relative_base_path_is_taken_from_the_working_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    (model,) = model_list(Models(model_base_path="models/half")).models

    assert model.base_path == str(tmp_path / "models" / "half")


def test_a_model_without_any_name_is_refused_with_the_way_to_give_it_one() -> None:
    with pytest.raises(InvalidArgument, match="--name"):
        model_list(Models(model_base_path="/"))


def test_a_wrong_entry_refuses_the_whole_file_at_the_start(tmp_path: Path) -> None:
    file = tmp_path / "config.cfg"
    file.write_text('model_config_list { config { name: "m" base_path: "/m" model_platform: "caffe" } }')

    with pytest.raises(InvalidArgument, match="caffe"):
        model_list(Models(model_config_file=str(file)))


def test_times_and_limits_reach_the_repository() -> None:
    models = Models(load_retry_interval_micros=2_500_000, load_policy="resource_preserving", settle_seconds=0.5)

    options = repository_options(ServerSettings(models=models))

    assert options.retry.load_retry_interval_s == 2.5
    assert options.manager.resource_preserving
    assert options.source.settle_s == 0.5
