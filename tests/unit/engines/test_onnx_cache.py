"""What a conversion is kept under, and what is said when it cannot be done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from seaway.engines import onnx_cache
from seaway.engines.engine import EngineOptions
from seaway.errors import FailedPrecondition


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A version directory as far as the cache looks at it."""
    directory = tmp_path / "m" / "1"
    (directory / "variables").mkdir(parents=True)
    (directory / "saved_model.pb").write_bytes(b"graph")
    (directory / "variables" / "variables.index").write_bytes(b"index")
    return directory


def test_the_same_content_has_the_same_key_wherever_it_lies(version: Path, tmp_path: Path) -> None:
    before = onnx_cache.key(version, ("serve",))
    assert onnx_cache.key(version.rename(tmp_path / "elsewhere"), ("serve",)) == before


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.index", "assets/new"])
def test_any_change_of_a_file_changes_the_key(version: Path, file: str) -> None:
    before = onnx_cache.key(version, ("serve",))
    (version / file).parent.mkdir(exist_ok=True)
    (version / file).write_bytes(b"other")
    assert onnx_cache.key(version, ("serve",)) != before


def test_tags_and_versions_of_what_converts_change_the_key(version: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = onnx_cache.key(version, ("serve",))
    assert onnx_cache.key(version, ("serve", "gpu")) != before
    monkeypatch.setattr(onnx_cache, "_versions", lambda: {"tf2onnx": "0"})
    assert onnx_cache.key(version, ("serve",)) != before


def test_what_is_in_the_cache_needs_no_converter(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "cache" / "onnx" / onnx_cache.key(version, ("serve",))
    place.mkdir(parents=True)
    (place / "manifest.json").write_text(json.dumps({"files": {"s": "0.onnx"}, "left_out": {"t": "why"}}))
    monkeypatch.setattr(onnx_cache, "find_spec", lambda _package: None)
    found = onnx_cache.converted(version, ("s", "t"), EngineOptions(cache_directory=str(tmp_path / "cache")))
    assert (found.files, found.left_out) == ({"s": place / "0.onnx"}, {"t": "why"})


def test_a_missing_converter_is_named_with_the_command_that_installs_it(
    version: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_cache, "find_spec", lambda package: None if package == "tf2onnx" else package)
    with pytest.raises(FailedPrecondition, match=r"needs tf2onnx; pip install .*tensorflow-cpu.* .*tf2onnx"):
        onnx_cache.converted(version, ("s",), EngineOptions(cache_directory=str(tmp_path)))


def test_the_cache_is_the_users_unless_another_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert onnx_cache.cache_directory("") == tmp_path / "seaway"
    assert onnx_cache.cache_directory("named") == Path("named")
