"""From a published decision to a list of models."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.fleet.published import Published, PublishedLog, PublishedModel, Traffic
from seaway.serving.follow.model_configs import Places, begins_after_s, model_configs
from seaway.settings.model_config import ModelConfig, RequestLog, SpecificVersions

PLACES = Places(Path("/store"), Path("/logs"))


def test_a_decision_becomes_a_list_of_models() -> None:
    traffic = Traffic(6, 7, canary=0.1)
    model = PublishedModel("mnist", "digits/mnist", (6, 7), {"stable": 6}, "onnx", traffic=traffic)
    assert model_configs(Published((model,)), PLACES).models == (
        ModelConfig(
            "mnist",
            "/store/digits/mnist",
            version_policy=SpecificVersions(frozenset({6, 7})),
            version_labels={"stable": 6},
            engine="onnx",
            traffic=traffic,
        ),
    )


@pytest.mark.parametrize("path", ["../secret", "a/../../b", "/etc"])
def test_a_path_that_leaves_the_store_concerns_its_own_model_only(path: str) -> None:
    published = Published((PublishedModel("bad", path, (1,)), PublishedModel("m", "m", (1,))))
    found = model_configs(published, PLACES)
    assert [model.name for model in found.models] == ["m"]
    assert [problem.name for problem in found.problems] == ["bad"]
    assert "leaves the model store" in found.problems[0].error.message


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        pytest.param("m", "/logs/m", id="below-the-directory-of-logs"),
        pytest.param("a/m", "/logs/a/m", id="in-a-directory-there"),
        pytest.param("/var/m", "/var/m", id="a-path-of-its-own"),
        pytest.param("s3://b/m", "s3://b/m", id="a-url"),
    ],
)
def test_a_log_lies_where_the_decision_says(prefix: str, expected: str) -> None:
    published = Published((PublishedModel("m", "m", (1,), log=PublishedLog(0.5, prefix)),))
    (model,) = model_configs(published, PLACES).models
    assert model.request_log == RequestLog(expected, 0.5)


@pytest.mark.parametrize(
    ("prefix", "why"),
    [
        pytest.param("../m", "leaves the directory of logs", id="outside"),
        pytest.param("m/", "the beginning of a file name", id="no-name"),
        pytest.param("memory://m/x", "gone with the process", id="nowhere"),
    ],
)
def test_a_log_that_cannot_be_written_is_a_problem_of_its_model(prefix: str, why: str) -> None:
    log = PublishedLog(0.5, prefix)
    found = model_configs(Published((PublishedModel("m", "m", (1,), log=log), PublishedModel("n", "n", (1,)))), PLACES)
    assert [model.name for model in found.models] == ["n"]
    assert why in found.problems[0].error.message


def test_replicas_begin_at_moments_of_their_own() -> None:
    moments = [begins_after_s(f"digits-{number}", 10.0) for number in range(200)]
    assert moments == [begins_after_s(f"digits-{number}", 10.0) for number in range(200)]
    assert 0.0 <= min(moments) < 1.0
    assert 9.0 < max(moments) < 10.0
    assert begins_after_s("digits-1", 0.0) == 0.0
