"""Worker processes: how they start, what ends them, and that none is ever left behind."""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from seaway import errors
from seaway.worker import control
from seaway.worker.control import LoadRequest
from seaway.worker.launcher import WorkerLauncher
from seaway.worker.process import WorkerProcess
from tests.models.cache import Models
from tests.support.eventually import eventually, true_soon
from tests.support.worker_channel import Channel, floats

pytestmark = pytest.mark.e2e

LIMIT_S = 60.0

SERVER = """
import sys, time
from seaway.worker.launcher import WorkerLauncher

launcher = WorkerLauncher(sys.argv[1], use_fork_server=sys.argv[2] == "forked")
print(*[launcher.launch(f"m/{n}").pid for n in range(2)], flush=True)
time.sleep(600)
"""


@pytest.fixture(params=[True, False], ids=["forked", "spawned"])
def own_launcher(request: pytest.FixtureRequest, library: str) -> Iterator[WorkerLauncher]:
    """A launcher whose workers and fork server the test may kill, of both kinds."""
    launcher = WorkerLauncher(library, use_fork_server=request.param)
    yield launcher
    launcher.close()


@pytest.fixture
def forking_launcher(library: str) -> Iterator[WorkerLauncher]:
    """A launcher with a fork server of its own."""
    launcher = WorkerLauncher(library)
    yield launcher
    launcher.close()


def exit_status(worker: WorkerProcess) -> int:
    """Wait for the worker's end and return its status, as its watcher tells it."""
    told: queue.Queue[int] = queue.Queue()
    worker.on_exit(told.put)
    return told.get(timeout=LIMIT_S)


def is_gone(pid: int) -> bool:
    """Whether no such process runs; one that only waits to be reaped does not run."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_loaded_version_answers_on_its_channel(
    own_launcher: WorkerLauncher, load_into: Callable[..., Channel], models: Models
) -> None:
    worker = own_launcher.launch("half_plus_two/123")
    channel = load_into(worker, models.version("half_plus_two"))
    assert channel.run({"x": floats(2).reshape(1, 1)})["y"].tolist() == [[3.0]]
    assert worker.retire(LIMIT_S) == 0
    assert channel.socket.recv(1) == b""


def test_statistics_count_what_the_process_uses(own_launcher: WorkerLauncher) -> None:
    stats = own_launcher.launch("m/1").stats()
    assert 0 < stats.private_bytes <= stats.pss_bytes <= stats.rss_bytes
    assert stats.cpu_seconds > 0


def test_the_name_is_seen_in_process_listings(own_launcher: WorkerLauncher) -> None:
    worker = own_launcher.launch("half_plus_two/123")
    worker.stats()
    assert Path(f"/proc/{worker.pid}/comm").read_text() == "half_plus_two/1\n"


@pytest.mark.parametrize(
    ("model", "tags", "error", "text"),
    [
        pytest.param("unknown_op", ("serve",), errors.NotFound, "SeawayNoSuchOp", id="unknown-op"),
        pytest.param("corrupt_graph", ("serve",), errors.DataLoss, "saved_model.pb", id="corrupt-graph"),
        pytest.param("missing_variables", ("serve",), errors.NotFound, "was it copied whole", id="missing-variables"),
        pytest.param("truncated_shard", ("serve",), errors.OutOfRange, "/variables)", id="truncated-shard"),
        pytest.param("train_tag", ("serve",), errors.NotFound, "{ serve }", id="other-tags"),
    ],
)
def test_a_model_that_cannot_be_loaded_says_why_and_the_worker_lives(
    launcher: WorkerLauncher,
    load_into: Callable[..., Channel],
    models: Models,
    model: str,
    tags: tuple[str, ...],
    error: type[errors.SeawayError],
    text: str,
) -> None:
    worker = launcher.launch(model)
    with pytest.raises(error) as raised:
        load_into(worker, models.version(model), tags=tags)
    assert text in raised.value.message
    assert worker.stats().rss_bytes > 0
    worker.retire(LIMIT_S)


def test_a_directory_that_is_no_model_is_not_found(
    launcher: WorkerLauncher, load_into: Callable[..., Channel], tmp_path: Path
) -> None:
    worker = launcher.launch("nothing")
    with pytest.raises(errors.NotFound, match=r"Could not find SavedModel"):
        load_into(worker, tmp_path)
    worker.retire(LIMIT_S)


def test_a_library_that_is_no_tensorflow_is_a_failed_precondition(launcher: WorkerLauncher, tmp_path: Path) -> None:
    (tmp_path / "libtensorflow_cc.so.2").write_bytes(b"not a library")
    other = WorkerLauncher(str(tmp_path / "libtensorflow_cc.so.2"))
    worker, channel = other.launch("m/1"), Channel()
    library = str(tmp_path / "libtensorflow_cc.so.2")
    request = LoadRequest("m", 1, str(tmp_path), ("serve",), library, channel.layout.slots, 1 << 20, 1)
    with pytest.raises(errors.FailedPrecondition, match=r"libtensorflow_cc\.so\.2"):
        worker.load(request, channel.worker_socket.fileno(), channel.arena_fd, LIMIT_S)
    channel.close()
    other.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM], ids=lambda number: number.name)
def test_the_signal_that_ended_a_worker_is_told(own_launcher: WorkerLauncher, number: signal.Signals) -> None:
    worker = own_launcher.launch("m/1")
    worker.stats()
    os.kill(worker.pid, number)
    assert exit_status(worker) == -number
    with pytest.raises(errors.Unavailable, match=number.name):
        worker.stats()
    assert exit_status(worker) == -number, "who asks late is told too"


def test_a_worker_that_dies_fails_what_it_was_asked_at_once(own_launcher: WorkerLauncher) -> None:
    worker = own_launcher.launch("m/1")
    worker.stats()
    worker.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(worker.stats, LIMIT_S)
        worker.send_signal(signal.SIGKILL)
        with pytest.raises(errors.Unavailable, match="SIGKILL"):
            asked.result(LIMIT_S)


def test_a_worker_that_does_not_answer_in_time_is_a_deadline_exceeded(own_launcher: WorkerLauncher) -> None:
    worker = own_launcher.launch("m/1")
    worker.stats()
    worker.send_signal(signal.SIGSTOP)
    with pytest.raises(errors.DeadlineExceeded, match="m/1"):
        worker.stats(timeout_s=0.05)


def test_a_worker_that_does_not_leave_is_killed(own_launcher: WorkerLauncher) -> None:
    worker = own_launcher.launch("m/1")
    worker.stats()
    worker.send_signal(signal.SIGSTOP)
    assert worker.retire(grace_s=0.05) == -signal.SIGKILL
    assert is_gone(worker.pid)


def test_retiring_twice_gives_the_same_status(own_launcher: WorkerLauncher) -> None:
    worker = own_launcher.launch("m/1")
    assert [worker.retire(LIMIT_S), worker.retire(LIMIT_S)] == [0, 0]


def test_an_unloaded_version_hangs_up_and_the_others_answer(
    launcher: WorkerLauncher, load_into: Callable[..., Channel], models: Models
) -> None:
    worker = launcher.launch("shared")
    first = load_into(worker, models.version("half_plus_two"), version=1)
    second = load_into(worker, models.version("half_plus_three"), version=2)
    worker.unload("m", 1)
    assert first.socket.recv(1) == b""
    assert second.run({"x": floats(2).reshape(1, 1)})["y"].tolist() == [[4.0]]
    worker.unload("m", 1)  # it is gone already, which is what was asked for
    worker.retire(LIMIT_S)


def test_an_unload_during_the_load_leaves_nothing_loaded(library: str, models: Models) -> None:
    ours, theirs = socket.socketpair()
    manager, channel = control.MessageSocket(ours), Channel()
    path = str(models.version("half_plus_two"))
    request = LoadRequest("m", 1, path, ("serve",), library, channel.layout.slots, channel.layout.stride_bytes, 1)
    # Both are sent before the process can have begun either.
    manager.send(control.Load(1, request), (channel.worker_socket.fileno(), channel.arena_fd))
    manager.send(control.Unload(2, "m", 1))
    command = [sys.executable, "-m", "seaway.worker", str(theirs.fileno()), "m/1"]
    with subprocess.Popen(command, pass_fds=(theirs.fileno(),)) as worker:
        theirs.close()
        channel.give_away()
        replies = [
            control.reply_decoder.decode(message[0]) for message in (manager.receive(), manager.receive()) if message
        ]
        assert {reply.id: type(reply) for reply in replies} == {1: control.Loaded, 2: control.Done}
        assert channel.socket.recv(1) == b""
        manager.close()
        assert worker.wait(LIMIT_S) == 0
    channel.close()


def test_a_launcher_that_is_closed_leaves_no_process(own_launcher: WorkerLauncher) -> None:
    pids = [own_launcher.launch(f"m/{n}").pid for n in range(3)]
    own_launcher.close()
    assert [pid for pid in pids if not is_gone(pid)] == []
    with pytest.raises(errors.Unavailable, match="shutting down"):
        own_launcher.launch("m/9")


@pytest.mark.parametrize("kind", ["forked", "spawned"])
def test_a_server_killed_with_minus_9_leaves_no_process(library: str, kind: str) -> None:
    with subprocess.Popen([sys.executable, "-c", SERVER, library, kind], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        workers = [int(pid) for pid in server.stdout.readline().split()]
        family = [process.pid for process in psutil.Process(server.pid).children(recursive=True)]
        assert set(workers) <= set(family)
        server.kill()
    eventually(lambda: [pid for pid in family if not is_gone(pid)], lambda left: not left, "all processes end")


def test_when_the_fork_server_dies_its_workers_end_and_the_next_launch_works(forking_launcher: WorkerLauncher) -> None:
    worker = forking_launcher.launch("m/1")
    psutil.Process(worker.pid).parent().kill()
    assert exit_status(worker) == -signal.SIGKILL
    assert is_gone(worker.pid)
    assert forking_launcher.launch("m/2").stats().rss_bytes > 0


def test_many_launches_at_once_all_succeed(forking_launcher: WorkerLauncher) -> None:
    with ThreadPoolExecutor(8) as pool:
        workers = list(pool.map(forking_launcher.launch, (f"m/{n}" for n in range(16))))
        assert len({worker.pid for worker in workers}) == 16
        assert list(pool.map(lambda worker: worker.retire(LIMIT_S), workers)) == [0] * 16


def test_what_a_worker_prints_is_logged_with_its_name(
    launcher: WorkerLauncher, load_into: Callable[..., Channel], models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    worker = launcher.launch("keeper/1")
    load_into(worker, models.version("keeper")).run({"x": floats(*range(64))})
    true_soon(lambda: "keeper/1: seaway: signature 'serving_default' keeps its inputs" in caplog.text, "it is logged")
    worker.retire(LIMIT_S)


def test_interrupting_the_workers_does_nothing(own_launcher: WorkerLauncher) -> None:
    worker = own_launcher.launch("m/1")
    worker.stats()
    worker.send_signal(signal.SIGINT)
    assert worker.stats().rss_bytes > 0


def test_callbacks_may_ask_the_worker_things(own_launcher: WorkerLauncher) -> None:
    worker, done = own_launcher.launch("m/1"), threading.Event()

    def ask(_: int) -> None:
        with pytest.raises(errors.Unavailable):
            worker.stats()
        done.set()

    worker.on_exit(ask)
    worker.retire(LIMIT_S)
    assert done.wait(LIMIT_S)
