"""Models are served from stores behind URLs, and a store that misbehaves costs no answer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from botocore.config import Config

from tests.models.cache import Models
from tests.support.clients import Client, Load
from tests.support.eventually import eventually, true_soon
from tests.support.object_store import BUCKET, CREDENTIALS, ObjectStore
from tests.support.ports import free_port
from tests.support.server import Server, config_text, http
from tests.support.store import Store

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]
URL = f"s3://{BUCKET}/models/adder"
LINES = f'base_path: "{URL}"'
SHARD = "variables/variables.data-00000-of-00001"


@dataclass(frozen=True, slots=True)
class Bucket:
    """A store of S3's API with one bucket, and what a test does with it."""

    server: ObjectStore
    client: Any
    models: Models
    cache: Path

    def add(self, version: int, source_version: str | None = None, model: str = "adder") -> None:
        """Upload a built model as a version."""
        self.server.put(self.client, self.models.version("adder", source_version), f"models/{model}/{version}")

    def remove(self, version: int) -> None:
        """Delete a version."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"models/adder/{version}/")
        for entry in found["Contents"]:
            self.client.delete_object(Bucket=BUCKET, Key=entry["Key"])

    @property
    def flags(self) -> tuple[str, ...]:
        """What a server is started with."""
        return (
            f"--model-store-cache-directory={self.cache}",
            "--model-store-poll-wait-seconds=0.2",
            "--model-store-list-timeout-s=5",
            "--settle-seconds=0.3",
        )

    def copies(self) -> list[Path]:
        """The whole copies in the cache."""
        return sorted(self.cache.glob("*/model"))


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, models: Models, tmp_path: Path) -> Iterator[Bucket]:
    """A running store, empty, whose address and credentials servers find in their environment."""
    with ObjectStore() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.reset()
        # Without checksums of its own the ETag is all there is to check a download by, as for most of what S3 holds.
        client = boto3.client("s3", config=Config(request_checksum_calculation="when_required"))
        client.create_bucket(Bucket=BUCKET)
        yield Bucket(server, client, models, tmp_path / "cache")
        client.close()


def answer(client: Client) -> float:
    """What adder says to 0: the version that answered."""
    return float(client.arrays("adder", x=[0.0])["y"][0])


@pytest.mark.smoke
def test_a_model_is_served_from_s3_and_a_new_version_takes_over_without_one_failed_request(
    start: Start, connect: Connect, bucket: Bucket
) -> None:
    bucket.add(1, "1")
    server = start({"adder": LINES}, *bucket.flags)
    client = connect(server)
    with Load(lambda: answer(client), threads=2) as load:
        true_soon(lambda: 1.0 in load.answered, "version 1 answers")
        bucket.add(2, "2")
        server.wait_state("adder", 2)
        true_soon(lambda: 2.0 in load.answered, "version 2 answers")
        server.wait_state("adder", 1, "END")

    assert load.failures == []
    assert set(load.answered) == {1.0, 2.0}
    assert len(bucket.server.gets(f"adder/1/{SHARD}")) == len(bucket.server.gets(f"adder/2/{SHARD}")) == 1
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in server.log


def metrics(server: Server) -> list[str]:
    return server.get("/monitoring/prometheus/metrics").body.decode().splitlines()


def test_the_path_of_the_command_line_may_be_a_url(start: Start, connect: Connect, bucket: Bucket) -> None:
    bucket.add(3, "3")
    server = start(None, URL, *bucket.flags)
    assert answer(connect(server)) == 3.0
    assert server.states("adder") == {3: "AVAILABLE"}


def test_a_version_is_not_loaded_before_its_graph_and_shards_are_there(start: Start, bucket: Bucket) -> None:
    bucket.add(1, "1")
    server = start({"adder": LINES}, *bucket.flags)
    source = bucket.models.version("adder", "2")
    for name in ("variables/variables.index", "saved_model.pb"):
        bucket.client.put_object(Bucket=BUCKET, Key=f"models/adder/2/{name}", Body=(source / name).read_bytes())
    looked = len(bucket.server.asked)
    true_soon(lambda: len(bucket.server.asked) > looked + 10, "the store is looked at again and again")
    assert server.states("adder") == {1: "AVAILABLE"}
    assert bucket.server.gets("adder/2/saved_model.pb") == []

    bucket.add(2, "2")
    server.wait_state("adder", 2)


def test_a_store_that_is_down_leaves_what_is_served_and_new_versions_come_when_it_is_back(
    start: Start, connect: Connect, bucket: Bucket
) -> None:
    bucket.add(1, "1")
    server = start({"adder": LINES}, *bucket.flags)
    client = connect(server)
    bucket.server.stop()
    eventually(
        lambda: server.get("/v1/models").json["models"][0]["problem"],
        lambda problem: "cannot be listed" in problem,
        "the list of models says what is wrong with the store",
    )
    assert 'seaway_model_store_up{model="adder"} 0' in metrics(server)
    with Load(lambda: answer(client), threads=1) as load:
        pid = server.worker_pid("adder", 1)
        next(each for each in server.family() if each.pid == pid).kill()
        true_soon(lambda: server.worker_pid("adder", 1) != pid, "another worker serves the copy that is there")
    assert set(load.answered) == {1.0}
    assert server.log.count("cannot be listed") == 1

    bucket.server.start()
    bucket.add(2, "2")
    server.wait_state("adder", 2)
    assert answer(client) == 2.0
    assert "answers again" in server.log
    lines = metrics(server)
    assert 'seaway_model_store_up{model="adder"} 1' in lines
    assert 'seaway_model_store_fetches_total{model="adder",outcome="ok"} 2' in lines
    assert 'outcome="failed"' not in "".join(line for line in lines if line.startswith("seaway_model_store_fetches"))


def test_a_server_that_starts_while_the_store_is_down_serves_the_copies_there_are(
    start: Start, connect: Connect, bucket: Bucket
) -> None:
    bucket.add(1, "1")
    before = start({"adder": LINES}, *bucket.flags)
    before.terminate()
    assert before.wait_end() == 0
    bucket.server.stop()
    server = start({"adder": LINES}, *bucket.flags)
    client = connect(server)
    assert answer(client) == 1.0
    assert "what it listed last is served from the cache" in server.log
    bucket.server.start()
    bucket.add(2, "2")
    server.wait_state("adder", 2)
    assert answer(client) == 2.0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param(lambda body: body[:-20], "", id="truncated"),
        pytest.param(lambda body: body[:-1] + bytes([body[-1] ^ 1]), "came with the md5", id="corrupt"),
    ],
)
def test_a_download_that_is_not_what_the_store_lists_is_refused_and_tried_again(
    start: Start, connect: Connect, bucket: Bucket, fault: Callable[[bytes], bytes], said: str
) -> None:
    bucket.add(1, "1")
    path = f"/{BUCKET}/models/adder/1/{SHARD}"
    bucket.server.faults[path] = [fault, fault]
    server = start({"adder": LINES}, *bucket.flags)
    assert answer(connect(server)) == 1.0
    assert bucket.server.faults[path] == []
    assert len(bucket.server.gets(SHARD)) >= 3
    assert said in server.log


def test_a_download_that_stays_wrong_fails_the_load_with_the_reason_while_the_version_before_serves(
    start: Start, connect: Connect, bucket: Bucket
) -> None:
    bucket.add(1, "1")
    server = start({"adder": LINES}, *bucket.flags, "--max-num-load-retries=0")
    path = f"/{BUCKET}/models/adder/2/{SHARD}"
    bucket.server.faults[path] = [lambda body: bytes(len(body))] * 4
    bucket.add(2, "2")
    server.wait_state("adder", 2, "END")
    assert f"{SHARD} came with the md5" in server.why_not("adder", 2)
    assert answer(connect(server)) == 1.0


def test_two_servers_of_a_machine_fetch_a_version_once_and_share_the_copy(
    start: Start, connect: Connect, bucket: Bucket
) -> None:
    bucket.add(1, "1")
    bucket.server.delay.clear()
    servers = [start({"adder": LINES}, *bucket.flags, ready=False) for _ in range(2)]
    true_soon(bucket.server.gets, "one of them has begun to fetch")
    true_soon(lambda: any("waiting for another process" in server.log for server in servers), "the other one waits")
    bucket.server.delay.set()
    for server in servers:
        assert answer(connect(server.wait_ready())) == 1.0
    fetched = bucket.server.gets()
    assert len(fetched) == len(set(fetched)) == 4
    assert len(bucket.copies()) == 1


def test_a_server_that_was_killed_while_it_fetched_leaves_nothing_that_stays(start: Start, bucket: Bucket) -> None:
    bucket.add(1, "1")
    bucket.server.delay.clear()
    killed = start({"adder": LINES}, *bucket.flags, ready=False)
    true_soon(bucket.server.gets, "it has begun to fetch")
    killed.process.send_signal(signal.SIGKILL)
    killed.wait_end()
    bucket.remove(1)
    bucket.add(2, "2")
    left = [each.parent.name for each in bucket.cache.glob("*/partial")]
    assert len(left) == 1
    bucket.server.delay.set()
    start({"adder": LINES}, *bucket.flags)
    assert not (bucket.cache / left[0]).exists()
    assert len(bucket.copies()) == 1
    assert not list(bucket.cache.glob("*/partial"))


def test_the_cache_stays_within_its_bound_and_what_is_loaded_stays_in_it(
    start: Start, connect: Connect, bucket: Bucket
) -> None:
    size = sum(file.stat().st_size for file in bucket.models.version("adder", "1").rglob("*") if file.is_file())
    bound = size * 5 // 2
    bucket.add(1, "1")
    server = start({"adder": LINES}, *bucket.flags, f"--model-store-cache-max-bytes={bound}")
    client = connect(server)
    for version in (2, 3, 4):
        bucket.add(version, str(version % 3 + 1))
        server.wait_state("adder", version)
        server.wait_state("adder", version - 1, "END")
        held = sum(file.stat().st_size for file in bucket.cache.glob("*/model/**/*") if file.is_file())
        assert held <= bound
    assert answer(client) == 2.0
    assert len(bucket.copies()) == 2


def test_a_version_for_which_the_cache_has_no_room_says_so_and_the_one_before_serves(
    start: Start, connect: Connect, bucket: Bucket
) -> None:
    size = sum(file.stat().st_size for file in bucket.models.version("adder", "1").rglob("*") if file.is_file())
    bucket.add(1, "1")
    server = start(
        {"adder": LINES}, *bucket.flags, f"--model-store-cache-max-bytes={size + 10}", "--max-num-load-retries=0"
    )
    bucket.add(2, "2")
    server.wait_state("adder", 2, "END")
    assert "model_store.cache_max_bytes" in server.why_not("adder", 2)
    assert answer(connect(server)) == 1.0


def test_a_server_that_ends_while_it_fetches_ends_soon(start: Start, bucket: Bucket) -> None:
    bucket.add(1, "1")
    bucket.server.delay.clear()
    server = start({"adder": LINES}, *bucket.flags, ready=False)
    true_soon(bucket.server.gets, "it has begun to fetch")
    server.terminate()
    assert server.wait_end() == 0
    assert "Traceback" not in server.log


def test_a_reload_by_the_api_may_name_a_url(start: Start, connect: Connect, bucket: Bucket, store: Store) -> None:
    store.add("half", 1, "half_plus_two")
    bucket.add(1, "1")
    server = start({"half": store.base("half")}, *bucket.flags)
    client = connect(server)
    status = client.reload(config_text({"half": store.base("half"), "adder": LINES})).status
    assert status.error_code == 0, status.error_message
    assert answer(client) == 1.0


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory, and the URL under which Python's own web server shows it."""
    root, port = tmp_path / "web", free_port()
    root.mkdir()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: http(url).status, lambda status: status == 200, "the web server answers")
        yield root, url
    finally:
        process.terminate()
        process.wait(10)


def test_a_model_is_served_from_a_web_server(
    start: Start, connect: Connect, models: Models, web: tuple[Path, str], bucket: Bucket
) -> None:
    root, url = web
    shutil.copytree(models.version("adder", "1"), root / "models" / "adder" / "1")
    secret = url.replace("http://", "http://someone:pass-of-the-test@")
    server = start({"adder": f'base_path: "{secret}/models/adder"'}, *bucket.flags)
    client = connect(server)
    assert answer(client) == 1.0
    shutil.copytree(models.version("adder", "2"), root / "models" / "adder" / ".2")
    (root / "models" / "adder" / ".2").rename(root / "models" / "adder" / "2")
    server.wait_state("adder", 2)
    assert answer(client) == 2.0
    assert "pass-of-the-test" not in server.log
    assert "http://[REDACTED]@127.0.0.1" in server.log


EXPORT = """\
import sys
import numpy as np
from sklearn.linear_model import LinearRegression
from seaway import export

rows = np.arange(10.0)[:, None]
for slope in map(float, sys.argv[2:]):
    line = LinearRegression(fit_intercept=False).fit(rows, slope * rows[:, 0])
    saved = export.save(line, sys.argv[1], examples=rows)
    print(saved.version, saved.path)
"""


def begin_export(url: str, *slopes: float) -> subprocess.Popen[str]:
    """Begin to train and export lines in a process of its own, as a training script does."""
    command = [sys.executable, "-c", EXPORT, url, *map(str, slopes)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def exported(process: subprocess.Popen[str]) -> str:
    """What an export printed."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.strip()


def test_what_is_exported_to_a_url_is_served_from_there_and_its_next_version_takes_over(
    start: Start, connect: Connect, bucket: Bucket
) -> None:
    url = f"s3://{BUCKET}/models/line"
    assert exported(begin_export(url, 2.0)) == f"1 {url}/1"
    server = start({"line": f'base_path: "{url}"'}, *bucket.flags)
    client = connect(server)

    def line() -> float:
        return float(client.arrays("line", inputs=np.array([[3.0]]))["prediction"][0])

    with Load(line) as load:
        # Two at once: neither may take the other's number, or its files.
        both = [begin_export(url, slope) for slope in (4.0, 5.0)]
        assert sorted(exported(each) for each in both) == [f"2 {url}/2", f"3 {url}/3"]
        server.wait_state("line", 3)
        true_soon(lambda: round(line()) in {12, 15}, "the newest version answers")
    assert load.failures == []
    keys = [entry["Key"] for entry in bucket.client.list_objects_v2(Bucket=BUCKET, Prefix="models/line/")["Contents"]]
    assert not [key for key in keys if ".seaway" in key], "nothing but versions stays"


def test_an_export_that_is_killed_while_it_uploads_is_no_version_and_its_number_is_not_used_again(
    start: Start, bucket: Bucket
) -> None:
    url = f"s3://{BUCKET}/models/line"
    bucket.add(1, "1", "line")
    server = start({"line": f'base_path: "{url}"'}, *bucket.flags)
    bucket.server.never_takes = "/2/saved_model.pb"
    killed = begin_export(url, 4.0)
    true_soon(
        lambda: [
            each
            for each in bucket.server.asked
            if each.method == "PUT" and each.path.endswith(bucket.server.never_takes)
        ],
        "all but the graph is uploaded",
    )
    killed.kill()
    killed.communicate()
    bucket.server.never_takes = ""

    looked = len(bucket.server.asked)
    true_soon(lambda: len(bucket.server.asked) > looked + 10, "the store is looked at again and again")
    left = bucket.client.list_objects_v2(Bucket=BUCKET, Prefix="models/line/2/")["Contents"]
    assert {"models/line/2/.seaway-claim"} < {entry["Key"] for entry in left}, "it was killed in the midst of it"
    assert server.states("line") == {1: "AVAILABLE"}
    assert exported(begin_export(url, 5.0)) == f"3 {url}/3"
    server.wait_state("line", 3)


def seaway(bucket: Bucket, *arguments: str) -> Any:
    """What a verb prints as JSON, with the servers' cache."""
    environment = os.environ | {"SEAWAY_MODEL_STORE_CACHE_DIRECTORY": str(bucket.cache)}
    main = "import sys; from seaway.cli.main import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", main, *arguments, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_verbs_look_into_versions_behind_urls_and_fetch_no_more_than_they_need(bucket: Bucket, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/models/line"
    exported(begin_export(str(tmp_path / "line"), 2.0, 4.0))
    for version in ("1", "2"):
        bucket.server.put(bucket.client, tmp_path / "line" / version, f"models/line/{version}")

    found = seaway(bucket, "inspect", url)
    assert (found["path"], found["recorded"]["answers"]) == (f"{url}/2", 9)
    assert found["size_bytes"] == sum(
        each.stat().st_size for each in (tmp_path / "line" / "2").rglob("*") if each.is_file()
    )
    assert bucket.server.gets(SHARD) == []
    assert bucket.copies() == []

    proven = seaway(bucket, "verify", f"{url}/2", "--engine", "tensorflow")
    assert proven["version"] == f"{url}/2"
    assert [(each["result"], each["compared"]) for each in proven["engines"]] == [("agrees", 9)]
    changed = seaway(bucket, "diff", f"{url}/1", url)
    assert (changed["breaks"], changed["answers"]["requests"]) == (None, 9)
    assert len(bucket.copies()) == 1
    assert bucket.server.gets(SHARD) == [f"/{BUCKET}/models/line/2/{SHARD}"], "diff finds what verify has fetched"
