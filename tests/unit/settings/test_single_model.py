"""A path and a name instead of a list of models."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.settings.model_config import AllVersions, LatestVersions, SpecificVersions, VersionPolicy
from seaway.settings.models import Models
from seaway.settings.single_model import single_model, version_policy


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        pytest.param("/models/half", "", ("half", "/models/half"), id="name-of-the-directory"),
        pytest.param("/models/half/", "", ("half", "/models/half"), id="trailing-slash"),
        pytest.param("/models/half", "other", ("other", "/models/half"), id="own-name"),
        pytest.param("gs://bucket/half", "", ("half", "gs://bucket/half"), id="uri"),
    ],
)
def test_a_path_gives_the_model_and_its_name(path: str, name: str, expected: tuple[str, str]) -> None:
    model = single_model(Models(model_base_path=path, model_name=name, isolation="shared"))
    assert (model.name, model.base_path) == expected
    assert model.isolation == "shared"


def test_a_relative_path_is_taken_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert single_model(Models(model_base_path="half")).base_path == str(tmp_path / "half")
    assert single_model(Models(model_base_path=".")).name == tmp_path.name


@pytest.mark.parametrize(("path", "words"), [("", "is empty"), ("/", "gives no name; add one with --name")])
def test_a_path_that_names_nothing_is_refused(path: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        single_model(Models(model_base_path=path))


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("latest:1", LatestVersions(1)),
        ("latest:12", LatestVersions(12)),
        ("all", AllVersions()),
        ("specific:3,1,3", SpecificVersions(frozenset({1, 3}))),
    ],
)
def test_a_version_policy_is_read(text: str, policy: VersionPolicy) -> None:
    assert version_policy(text) == policy
