"""Where the files are that the verbs look into; fsspec's own store in memory stands for one behind a URL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from seaway.cli import main
from seaway.cli.version.place import inspected, newest, to_load, to_read
from seaway.errors import DataLoss, NotFound
from seaway.proof.passport import PASSPORT_FILE
from seaway.stores.tree import StoredFile
from tests.support.recorded_examples import doubled, version
from tests.support.saved_models import ALL, saved_model

URL = "memory://models/m"
SHARD = "variables/variables.data-00000-of-00001"
INDEX = "variables/variables.index"


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[fsspec.AbstractFileSystem]:
    """A store with version 2 of a model, which carries two answers, and with a version 3 whose graph is not there."""
    monkeypatch.setenv("SEAWAY_MODEL_STORE_CACHE_DIRECTORY", str(tmp_path / "cache"))
    found = fsspec.filesystem("memory")
    found.store.clear()
    whole = version(saved_model(tmp_path / "built"), doubled(1.0, 2.0), promised=2)
    for file in (each for each in whole.rglob("*") if each.is_file()):
        found.pipe_file(f"/models/m/2/{file.relative_to(whole).as_posix()}", file.read_bytes())
    for name in (f"2/{INDEX}", f"2/{SHARD}", f"3/{INDEX}", f"3/{SHARD}"):
        found.pipe_file(f"/models/m/{name}", bytes(1000))
    yield found
    found.store.clear()


def files(*paths: str) -> list[StoredFile]:
    return [StoredFile(path, 1) for path in paths]


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        pytest.param(["9/model.onnx", "10/model.onnx"], f"{URL}/10", id="the-highest-number"),
        pytest.param(["1/model.onnx", "2/assets.extra/seaway.json"], f"{URL}/1", id="not-without-a-graph"),
        pytest.param(["1/saved_model.pb", "2/saved_model.pb", f"2/{INDEX}"], f"{URL}/1", id="not-without-its-shards"),
        pytest.param(["saved_model.pb", f"{INDEX}", SHARD], URL, id="a-version-itself"),
    ],
)
def test_the_newest_whole_version_is_meant(paths: list[str], expected: str) -> None:
    assert newest(URL, files(*paths)).url == expected


@pytest.mark.parametrize(
    ("paths", "why"),
    [
        pytest.param(
            ["notes.txt", "a/model.onnx"], "is no model: it holds neither one of saved_model.pb", id="no-model"
        ),
        pytest.param(["4/saved_model.pb", f"4/{SHARD}"], f"m/4 is not whole: it lacks {INDEX}", id="not-whole"),
    ],
)
def test_an_address_without_a_whole_version_is_not_found(paths: list[str], why: str) -> None:
    with pytest.raises(NotFound, match=why):
        newest(URL, files(*paths))


def test_what_is_only_read_comes_without_its_weights_and_all_sizes_are_told(memory: fsspec.AbstractFileSystem) -> None:
    with to_read(URL) as place:
        here = {each.relative_to(place.path).as_posix() for each in place.path.rglob("*") if each.is_file()}
        found = inspected(place, ALL)
    assert here == {"saved_model.pb", "assets.extra/seaway.json", "assets.extra/tf_serving_warmup_requests"}
    assert not place.path.exists()
    assert (found.place, found.files[SHARD], found.answers) == (f"{URL}/2", 1000, 2)
    assert found.size_bytes == sum(
        memory.find("/models/m/2", detail=True)[name]["size"] for name in memory.find("/models/m/2")
    )


def test_inspect_shows_what_is_behind_a_url(
    memory: fsspec.AbstractFileSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.run(["inspect", f"{URL}/2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["path"] == f"{URL}/2"
    assert found["signatures"]["serving_default"]["inputs"]["x"] == {"dtype": "float32", "shape": [None]}
    assert main.run(["inspect", "memory://models/nothing"]) == 1
    assert "memory://models/nothing cannot be listed" in capsys.readouterr().err


def test_a_single_file_is_read_from_its_url(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe_file("/models/graph.onnx", b"graph")
    with to_read("memory://models/graph.onnx") as place:
        assert place.path.read_bytes() == b"graph"
        assert (place.name, place.sizes) == ("memory://models/graph.onnx", {"graph.onnx": 5})


def test_what_is_loaded_is_whole_in_the_cache_of_servers_and_fetched_once(
    memory: fsspec.AbstractFileSystem, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with to_load(URL) as place:
        assert place.path.is_relative_to(tmp_path / "cache")
        assert (place.path / SHARD).stat().st_size == 1000
        assert place.name == f"{URL}/2"
    assert f"fetching {URL}/2: 5 files" in capsys.readouterr().err
    with to_load(f"{URL}/2") as again:
        assert again.path == place.path
    assert capsys.readouterr().err == ""


def test_what_is_wrong_with_fetched_files_is_told_by_their_address(memory: fsspec.AbstractFileSystem) -> None:
    memory.pipe_file(f"/models/m/2/{PASSPORT_FILE.as_posix()}", b"{")
    with to_read(URL) as place:
        (problem,) = inspected(place, ALL).problems
    assert problem.startswith(f"{URL}/2/assets.extra/seaway.json cannot be read")
    memory.pipe_file("/models/m/2/saved_model.pb", b"\xff")
    with pytest.raises(DataLoss, match=f"^{URL}/2/saved_model.pb is not a SavedModel"), to_read(URL) as place:
        inspected(place, ALL)


def test_a_directory_is_used_as_it_is(tmp_path: Path) -> None:
    path = saved_model(tmp_path / "m" / "7")
    with to_read(str(path.parent)) as place:
        assert inspected(place, ALL).place == str(path)
    with to_load(f"file://{path.parent}") as place:
        assert (place.path, place.name) == (path, str(path))
