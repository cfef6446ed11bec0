"""`seaway log`: what is made of files of a log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from seaway import protos
from seaway.cli import main
from seaway.proof.passport import PASSPORT_FILE, Examples, Passport, read_passport, write_passport
from seaway.proof.replay import recorded_answers
from seaway.proof.warmup import WARMUP_FILE, read_warmup_records
from seaway.protos.tfrecord import write_tfrecords
from tests.support.request_log_files import EXAMPLES, asked, tfrecord


def logged(path: Path, *values: float) -> Path:
    records = []
    for value in values:
        record = protos.message("tensorflow.serving.PredictionLog")()
        record.predict_log.request.inputs["x"].float_val.append(value)
        records.append(record.SerializeToString())
    with path.open("wb") as file:
        write_tfrecords(file, records)
    return path


def test_records_of_several_files_become_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [logged(tmp_path / "a", 1.0, 2.0), logged(tmp_path / "b", 2.0, 3.0, 4.0)]
    out = tmp_path / "version" / WARMUP_FILE

    code = main.run(["log", "warmup", *map(str, files), "-o", str(out), "--most", "3"])

    assert code == 0
    assert capsys.readouterr().out == f"3 requests in {out}\n"
    assert len(read_warmup_records(tmp_path / "version")) == 3
    assert [path.name for path in out.parent.iterdir()] == [out.name], "nothing is left beside it"


def test_a_log_without_requests_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"

    assert main.run(["log", "warmup", str(logged(tmp_path / "a")), "-o", str(out)]) == 2
    assert "no request that can be replayed" in capsys.readouterr().err
    assert not out.exists()


def test_a_log_is_shown_a_line_for_each_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tfrecord(tmp_path / "a", [asked(1.0), *EXAMPLES[:3]])
    assert main.run(["log", "show", str(tmp_path / "a")]) == 0
    predict, classify, regress, multi = capsys.readouterr().out.splitlines()
    assert predict == ("2026-09-21T14:13:20Z m/3 predict serving_default: x=float32[1] [1.0] → y=float32[1] [1.0]")
    assert classify.startswith("2026-09-21T14:13:20Z m/3 classify c: bytes=[b'\\xff'] empty=[] float=[0.1")
    assert classify.endswith("… and 1 more → a 0.5; ")
    assert regress.endswith(" → [0.5]")
    assert multi.endswith(" → r [0.5] c a 0.5; ")

    assert main.run(["log", "show", str(tmp_path / "*"), "--json", "--most", "1"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["inputs"]["x"]["values"] == [1.0]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_log_is_converted_and_back_all_files_as_one(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tfrecord(tmp_path / "a", [asked(1.0)]), tfrecord(tmp_path / "b", EXAMPLES)]
    other, back = tmp_path / f"log.{form}", tmp_path / "back"
    assert main.run(["log", "convert", *map(str, files), "-o", str(other)]) == 0
    assert main.run(["log", "convert", str(other), "-o", str(back), "--format", "tfrecord"]) == 0
    assert capsys.readouterr().out == f"5 requests in {other}\n5 requests in {back}\n"
    assert back.read_bytes() == files[0].read_bytes() + files[1].read_bytes()
    assert main.run(["log", "warmup", str(other), "-o", str(tmp_path / "version" / WARMUP_FILE)]) == 0
    assert len(read_warmup_records(tmp_path / "version")) == 4, "what asks the same is asked once"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        pytest.param(["convert", "FILE", "-o", "OUT"], "says no form; end it with .tfrecord, .jsonl", id="no-form"),
        pytest.param(["convert", "FILE", "-o", "OUT", "--format", "csv"], "none of tfrecord, jsonl", id="other-form"),
        pytest.param(["convert", "FILE", "-o", "FILE", "--format", "jsonl"], "is one of the files", id="itself"),
        pytest.param(["show", "MISSING*"], "there is no such file", id="a-glob-of-nothing"),
        pytest.param(["examples", "FILE", "-o", "MISSING"], "is no directory", id="no-version"),
    ],
)
def test_what_cannot_be_done_is_refused(
    arguments: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tfrecord(tmp_path / "FILE", [asked(1.0)])
    before = file.read_bytes()
    placed = [str(tmp_path / each) if each.isupper() or "*" in each else each for each in arguments]
    assert main.run(["log", *placed]) == 2
    assert why in capsys.readouterr().err
    assert file.read_bytes() == before


def test_examples_are_answers_of_the_version_they_are_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tfrecord(tmp_path / "log", [asked(1.0, version=2), asked(2.0), asked(3.0)]))
    version = tmp_path / "3"
    version.mkdir()
    assert main.run(["log", "examples", file, "-o", str(version)]) == 0
    assert capsys.readouterr().out == f"2 requests with their answers in {version / WARMUP_FILE}\n"
    assert len(recorded_answers(read_warmup_records(version))) == 2

    assert main.run(["log", "examples", file, "-o", str(version)]) == 1
    assert "--force replaces it" in capsys.readouterr().err
    assert main.run(["log", "examples", file, "-o", str(version), "--force", "--version", "2"]) == 0
    assert len(read_warmup_records(version)) == 1


def test_an_exported_version_keeps_as_many_examples_as_it_was_exported_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tfrecord(tmp_path / "log", [asked(1.0)]))
    version = tmp_path / "3"
    version.mkdir()
    write_passport(version, Passport(1, "m", "now", {}, Examples("given", 2, 100)))
    assert main.run(["log", "examples", file, "-o", str(version)]) == 1
    assert "exported with 2 examples and is refused with fewer; this would leave 1" in capsys.readouterr().err
    assert not (version / WARMUP_FILE).exists()
    assert main.run(["log", "warmup", file, "-o", str(version / WARMUP_FILE)]) == 1
    assert "this would leave 0" in capsys.readouterr().err
    (version / PASSPORT_FILE).unlink()
    assert main.run(["log", "warmup", file, "-o", str(version / WARMUP_FILE)]) == 0


def test_a_version_says_that_its_examples_are_from_a_log(tmp_path: Path) -> None:
    file = str(tfrecord(tmp_path / "log", [asked(1.0), asked(2.0), asked(3.0)]))
    version = tmp_path / "3"
    version.mkdir()
    exported = Passport(1, "m", "now", {"seaway": "0.1"}, Examples("generated", 2, 100))
    write_passport(version, exported)
    assert main.run(["log", "examples", file, "-o", str(version)]) == 0
    size_bytes = (version / WARMUP_FILE).stat().st_size
    assert read_passport(version) == structs.replace(exported, examples=Examples("logged", 3, size_bytes))
