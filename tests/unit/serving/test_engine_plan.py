"""Which engines a version is loaded on, and which are tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.engines.choice import AUTO, Preferences
from seaway.engines.engine import EngineOptions
from seaway.errors import FailedPrecondition, Unavailable
from seaway.repository.ids import ServableId
from seaway.repository.source import AspiredVersion
from seaway.serving.batching import BatchingRules
from seaway.serving.engine_plan import EnginePlan, EnginePlans
from seaway.serving.instance import LoadOptions
from seaway.serving.trial.decisions import Decisions
from seaway.serving.trial.outcome import Decision
from seaway.settings.batching import Batching
from seaway.settings.model_config import ModelConfig

ALL = frozenset({"tensorflow", "onnx", "openvino", "python"})
OPTIONS = LoadOptions("auto", EngineOptions(), "lib.so", ("serve",), b"", (), 2, 1 << 20, 10, 60.0, 5.0, 1)


@pytest.fixture
def version(tmp_path: Path) -> AspiredVersion:
    path = tmp_path / "m" / "1"
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(b"graph")
    return AspiredVersion(ServableId("m", 1), path, ModelConfig("m", str(path.parent)), "as it is")


def plans(
    tmp_path: Path, choice: str = AUTO, usable: frozenset[str] = ALL, options: LoadOptions = OPTIONS
) -> EnginePlans:
    return EnginePlans(
        Preferences(choice), options, BatchingRules(Batching(), 2), usable, Decisions(str(tmp_path / "cache"))
    )


def test_a_named_engine_is_the_only_one_and_nothing_is_tried(tmp_path: Path, version: AspiredVersion) -> None:
    named = plans(tmp_path, "onnx")
    assert named.plan(version) == EnginePlan(("onnx",))
    assert named.candidates(version) == ()


def test_a_decision_is_used_by_the_next_server(tmp_path: Path, version: AspiredVersion) -> None:
    first = plans(tmp_path)
    assert first.plan(version).engines == ("tensorflow",)
    assert first.plan(version).decision is None
    decision = Decision("onnx", "tensorflow", "faster")
    first.decided(version, decision, is_final=True)
    assert first.plan(version).engines == ("onnx", "tensorflow")

    second = plans(tmp_path)
    assert second.plan(version).engines == ("onnx", "tensorflow")
    assert second.plan(version).decision == decision
    without = plans(tmp_path, usable=ALL - {"onnx"})
    assert without.plan(version).engines == ("tensorflow",)


def test_a_decision_that_is_not_final_ends_with_its_server(tmp_path: Path, version: AspiredVersion) -> None:
    plans(tmp_path).decided(version, Decision("onnx", "tensorflow", "faster"), is_final=False)
    assert plans(tmp_path).plan(version).decision is None


def test_an_engine_that_dies_while_it_serves_is_not_chosen_again(tmp_path: Path, version: AspiredVersion) -> None:
    first = plans(tmp_path)
    first.decided(version, Decision("onnx", "tensorflow", "faster"), is_final=True)
    first.died(version, "tensorflow", Unavailable("not this one"))
    assert first.plan(version).engines[0] == "onnx"
    first.died(version, "onnx", Unavailable("the worker was killed by SIGSEGV"))
    for each in (first, plans(tmp_path)):
        assert each.plan(version).engines[0] == "tensorflow"
        decision = each.plan(version).decision
        assert decision is not None
        assert "SIGSEGV" in decision.why


def test_files_that_changed_are_another_matter(tmp_path: Path, version: AspiredVersion) -> None:
    first = plans(tmp_path)
    first.decided(version, Decision("onnx", "tensorflow", "faster"), is_final=True)
    (version.path / "saved_model.pb").write_bytes(b"other graph")
    changed = AspiredVersion(version.id, version.path, version.model, "changed")
    assert first.plan(changed).decision is None


def test_what_stands_in_for_tensorflow_is_unproven_and_not_tried(tmp_path: Path, version: AspiredVersion) -> None:
    without = plans(tmp_path, usable=ALL - {"tensorflow"})
    assert without.plan(version) == EnginePlan(("openvino", "onnx"), is_unproven=True)
    assert without.candidates(version) == ()


def test_tensorflow_that_is_not_there_is_named_when_a_version_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seaway.engines.tensorflow._PACKAGES", ())
    without = plans(tmp_path, options=LoadOptions("auto", EngineOptions(), "", (), b"", (), 2, 1, 1, 1.0, 1.0, 1))
    with pytest.raises(FailedPrecondition, match="pip install"):
        without.options("tensorflow")
    assert without.options("onnx").engine == "onnx"
