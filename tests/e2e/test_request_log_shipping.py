"""Logs that are no TFRecord, logs that go to an object store, and what the verbs make of each."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas
import pytest
from pyarrow import parquet

from seaway.cli import main
from seaway.proof.warmup import WARMUP_FILE
from seaway.request_log.entry import Entry
from seaway.request_log.reading import read_entries
from tests.models.cache import Models
from tests.support.clients import Client, examples
from tests.support.eventually import eventually, true_soon
from tests.support.object_store import BUCKET, ObjectStore
from tests.support.server import Server, http
from tests.support.store import Store

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

SOON = "--request-log-max-file-age-s=0.3"
URL = f"s3://{BUCKET}/log/two"


def logged(base: Path, prefix: Path | str, rate: float = 1.0) -> str:
    """Config lines of a model whose requests are logged."""
    collector = f'log_collector_config {{ filename_prefix: "{prefix}" }}'
    return f'base_path: "{base}"\n logging_config {{ {collector} sampling_config {{ sampling_rate: {rate} }} }}'


@dataclass(frozen=True, slots=True)
class Bucket:
    """A store of S3's API with one bucket, which servers find in their environment."""

    server: ObjectStore
    client: Any

    def names(self) -> list[str]:
        """The objects that are there."""
        found = self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return sorted(entry["Key"] for entry in found)

    def values(self, directory: Path) -> list[float]:
        """What was asked in all requests of all objects, sorted, each fetched as a file."""
        directory.mkdir(exist_ok=True)
        for name in self.names():
            self.client.download_file(BUCKET, name, str(directory / Path(name).name))
        return values(read_entries([str(path) for path in sorted(directory.iterdir())]))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A running store, empty but for its bucket."""
    with ObjectStore() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        http(f"{server.endpoint}/moto-api/reset", b"", method="POST")
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield Bucket(server, client)
        client.close()


def values(entries: Iterator[Entry]) -> list[float]:
    """The first value of input `x` of each request, sorted."""
    return sorted(float(entry.inputs["x"].values[0]) for entry in entries)


def counted(server: Server, outcome: str) -> float:
    """The metric of files."""
    text = server.get("/monitoring/prometheus/metrics").body.decode()
    lines = (line for line in text.splitlines() if line.startswith("seaway_request_log_files_total"))
    return next((float(line.split()[-1]) for line in lines if f'outcome="{outcome}"' in line), 0.0)


def ask_all(client: Client) -> None:
    """One request of two kinds, and one with strings."""
    from tensorflow_serving.apis import classification_pb2  # noqa: PLC0415

    client.predict("two", x=[[1.0], [0.1]])
    classify = classification_pb2.ClassificationRequest(input=examples({"x": 6.0}))
    classify.model_spec.name, classify.model_spec.signature_name = "two", "classify_x_to_y"
    client.prediction.Classify(classify, timeout=10)


def wait_for_files(directory: Path, ending: str) -> list[Path]:
    """The files of a form, once there is one and no TFRecord any more."""

    def found() -> list[Path]:
        return [] if list(directory.glob("*.tfrecord")) else sorted(directory.glob(f"*.{ending}"))

    return eventually(found, bool, f"the log is in {ending} files")


def test_a_log_as_json_lines_is_readable_without_anything_of_ours(
    start: Start, connect: Connect, models: Models, tmp_path: Path
) -> None:
    server = start({"two": logged(models.path("half_plus_two"), tmp_path / "two")}, SOON, "--request-log-format=jsonl")
    ask_all(connect(server))

    (file,) = wait_for_files(tmp_path, "jsonl")
    predict, classify = (json.loads(line) for line in file.read_text().splitlines())
    assert predict["inputs"] == {"x": {"dtype": "float32", "shape": [2, 1], "values": [[1.0], [0.1]]}}
    assert predict["outputs"] == {"y": {"dtype": "float32", "shape": [2, 1], "values": [[2.5], [2.05]]}}
    assert (predict["model"], predict["version"], predict["signature"]) == ("two", 123, "serving_default")
    assert classify["examples"] == [{"x": {"float": [6.0]}}]
    assert classify["results"][0]["classes"][0][0]["score"] == 5.0
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith((".", "two"))] == [file.name]


def test_a_log_as_parquet_is_a_table(start: Start, connect: Connect, models: Models, tmp_path: Path) -> None:
    server = start(
        {"two": logged(models.path("half_plus_two"), tmp_path / "two")}, SOON, "--request-log-format=parquet"
    )
    ask_all(connect(server))

    (file,) = wait_for_files(tmp_path, "parquet")
    table = pandas.read_parquet(file)
    row = table[table["method"] == "predict"].iloc[0]
    assert row["inputs.x"].reshape(row["inputs_shape.x"]).tolist() == np.float32([[1.0], [0.1]]).tolist()
    assert str(parquet.read_schema(file).field("outputs.y").type) == "list<element: float>"
    assert row["version"] == 123
    assert row["time"].year >= 2026


def test_a_form_whose_package_is_missing_is_refused_at_the_start(models: Models) -> None:
    base = str(models.path("half_plus_two"))
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "sitecustomize.py").write_text("import sys; sys.modules['pyarrow'] = None\n")
        ended = subprocess.run(
            [sys.executable, "-m", "seaway", "serve", base, "--request-log-format=parquet"],
            env={"PYTHONPATH": directory, "PATH": "/usr/bin:/bin", "SEAWAY_MONITOR": "false"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert ended.returncode == 1
    assert "pip install 'pyarrow>=" in ended.stderr


def test_a_store_that_goes_away_costs_no_answer_and_no_record(
    start: Start, connect: Connect, models: Models, bucket: Bucket, tmp_path: Path
) -> None:
    flags = (SOON, "--request-log-format=jsonl", f"--request-log-directory={tmp_path / 'logs'}")
    server = start({"two": logged(models.path("half_plus_two"), URL)}, *flags)
    client = connect(server)
    asked = 0

    def ask(count: int) -> None:
        nonlocal asked
        for _ in range(count):
            assert client.arrays("two", x=[[float(asked)]])["y"].tolist() == [[asked / 2 + 2]]
            asked += 1

    ask(20)
    true_soon(bucket.names, "the first file is uploaded")
    bucket.server.stop()
    for files in range(1, 5):
        ask(20)
        true_soon(partial(has_files, tmp_path / "logs", files), "one more file waits")
    true_soon(lambda: server.log.count("cannot be uploaded to s3://bucket/log") == 1, "the outage is told")
    bucket.server.start()
    ask(20)
    eventually(lambda: bucket.values(tmp_path / "got"), lambda found: found == list(range(asked)), "all is there")
    true_soon(lambda: "are uploaded again" in server.log, "the end of the outage is told")
    assert server.log.count("cannot be uploaded") == 1
    assert not list((tmp_path / "logs").rglob("two-*"))
    server.terminate()
    assert server.wait_end() == 0
    assert counted_files(bucket) == len(set(bucket.names()))


def has_files(directory: Path, count: int) -> bool:
    """Whether so many files wait at least."""
    return len(list(directory.rglob("two-*.jsonl"))) >= count


def counted_files(bucket: Bucket) -> int:
    """Objects whose names say who has written them, and when."""
    return sum(name.startswith("log/two-20") and name.endswith(".jsonl") for name in bucket.names())


@pytest.mark.smoke
def test_what_could_not_be_uploaded_is_when_a_server_comes_back(
    start: Start, connect: Connect, models: Models, bucket: Bucket, tmp_path: Path
) -> None:
    flags = (f"--request-log-directory={tmp_path / 'logs'}", "--request-log-upload-grace-s=2")
    bucket.server.stop()
    server = start({"two": logged(models.path("half_plus_two"), URL)}, SOON, *flags)
    for value in range(5):
        connect(server).predict("two", x=[[float(value)]])
    true_soon(lambda: list((tmp_path / "logs").rglob("two-*.tfrecord")), "a file waits")
    server.process.kill()
    server.wait_end()
    server.clean_up()

    # The next one logs nothing at all, and is another one by name.
    bucket.server.start()
    again = start({"two": models.path("half_plus_two")}, *flags, "--replica-name=other")
    eventually(lambda: bucket.values(tmp_path / "got"), lambda found: found == list(range(5)), "it is uploaded")
    again.terminate()
    assert again.wait_end() == 0
    assert not list((tmp_path / "logs").rglob("*two-*"))


def test_a_shutdown_uploads_what_is_left_and_waits_no_longer_than_it_may(
    start: Start, connect: Connect, models: Models, bucket: Bucket, tmp_path: Path
) -> None:
    flags = (f"--request-log-directory={tmp_path / 'logs'}", "--request-log-upload-grace-s=20")
    server = start({"two": logged(models.path("half_plus_two"), URL)}, *flags)
    connect(server).predict("two", x=[[1.0]])
    assert not bucket.names()
    server.terminate()
    assert server.wait_end() == 0
    assert bucket.values(tmp_path / "got") == [1.0]
    assert "could not be taken on" not in server.log
    assert not list((tmp_path / "logs" / "spool").iterdir()), "nothing is left where nothing waits"


def test_a_store_that_hangs_does_not_hold_up_a_shutdown(
    start: Start, connect: Connect, models: Models, bucket: Bucket, tmp_path: Path
) -> None:
    flags = (f"--request-log-directory={tmp_path / 'logs'}", "--request-log-upload-grace-s=1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ENDPOINT_URL", address)
            server = start({"two": logged(models.path("half_plus_two"), URL)}, SOON, *flags)
        connect(server).predict("two", x=[[1.0]])
        true_soon(lambda: list((tmp_path / "logs").rglob("two-*.tfrecord")), "a file waits")
        server.terminate()
        assert server.wait_end() == 0, "the store never answers, and the server ends nevertheless"
    assert "still wait after 1 s" in server.log
    assert list((tmp_path / "logs").rglob("two-*.tfrecord"))


def test_beyond_the_bound_the_oldest_files_are_dropped_and_counted(
    start: Start, connect: Connect, models: Models, bucket: Bucket, tmp_path: Path
) -> None:
    bounds = ("--request-log-max-file-bytes=4096", "--request-log-max-total-bytes=16384")
    bucket.server.stop()
    server = start(
        {"two": logged(models.path("half_plus_two"), URL)},
        SOON,
        *bounds,
        f"--request-log-directory={tmp_path / 'logs'}",
    )
    client = connect(server)
    rows = [[0.0]] * 400
    for _ in range(12):
        client.predict("two", x=rows)
    true_soon(lambda: "the oldest are dropped" in server.log, "it is told")
    assert server.log.count("the oldest are dropped") == 1
    assert sum(path.stat().st_size for path in (tmp_path / "logs").rglob("*two-*")) <= 16384


def test_what_becomes_of_files_is_counted(
    start: Start, connect: Connect, models: Models, bucket: Bucket, tmp_path: Path
) -> None:
    flags = (SOON, "--request-log-format=jsonl", f"--request-log-directory={tmp_path / 'logs'}")
    server = start({"two": logged(models.path("half_plus_two"), URL)}, *flags)
    connect(server).predict("two", x=[[1.0]])
    true_soon(lambda: counted(server, "uploaded") == 1, "the upload is counted")
    assert counted(server, "converted") == 1
    bucket.server.stop()
    connect(server).predict("two", x=[[1.0]])
    true_soon(lambda: counted(server, "failed") >= 1, "the failure is counted")


@pytest.mark.parametrize("form", ["tfrecord", "jsonl", "parquet"])
def test_a_log_of_any_form_is_shown_converted_replayed_and_proves_a_version(
    form: str, start: Start, connect: Connect, models: Models, store: Store, tmp_path: Path, capsys: Any
) -> None:
    import tensorflow as tf  # noqa: PLC0415

    store.add("two", 123, "half_plus_two")
    logs = tmp_path / "logs"
    server = start({"two": logged(store.base("two"), logs / "two")}, SOON, f"--request-log-format={form}")
    client = connect(server)
    for value in (1.0, 2.0):
        client.predict("two", x=[[value]])
    (file,) = (
        wait_for_files(logs, form)
        if form != "tfrecord"
        else eventually(lambda: list(logs.glob("*.tfrecord")), bool, "the file is complete")
    )

    assert main.run(["log", "show", str(logs / "two-*")]) == 0
    assert (
        "two/123 predict serving_default: x=float32[1, 1] [[1.0]] → y=float32[1, 1] [[2.5]]" in capsys.readouterr().out
    )
    assert main.run(["log", "convert", str(file), "-o", str(tmp_path / "again.tfrecord")]) == 0
    assert len(list(tf.data.TFRecordDataset(str(tmp_path / "again.tfrecord")))) == 2
    bench = ["bench", server.grpc_address, "--model", "two", "--log", str(file), "--count", "10", "--json"]
    capsys.readouterr()
    assert main.run(bench) == 0, capsys.readouterr().err
    assert main.run(["log", "examples", str(file), "-o", str(store.base("two") / "123")]) == 0
    assert (store.base("two") / "123" / WARMUP_FILE).is_file()
    capsys.readouterr()
    assert main.run(["verify", str(store.base("two")), "--engine", "tensorflow", "--json"]) == 0
    (verified,) = json.loads(capsys.readouterr().out)["engines"]
    assert (verified["result"], verified["compared"]) == ("agrees", 2)
