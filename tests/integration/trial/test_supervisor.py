"""A trial is a process that may do anything: crash, hang, eat memory, talk nonsense, leave children behind."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from seaway.engines.engine import EngineOptions
from seaway.serving.instance import LoadOptions
from seaway.serving.trial.limits import Limits
from seaway.serving.trial.outcome import Spec, Tried
from seaway.serving.trial.supervisor import run_trial
from seaway.settings.batching_parameters import OFF
from tests.support.eventually import eventually

OPTIONS = LoadOptions("onnx", EngineOptions(), "", (), b"\xff", (), 1, 1, 1, 1.0, 1.0, 1)
SPEC = Spec("m", 1, "/nowhere", OPTIONS, OPTIONS, OFF, False, 1.15, 0.1)
MIB = 1 << 20


def trial(
    program: str,
    seconds: float = 60.0,
    memory_bytes: int = 1 << 40,
    is_wanted: Callable[[], bool] = lambda: True,
    steps: list[str] | None = None,
) -> Tried:
    said = [] if steps is None else steps
    command = (sys.executable, "-c", dedent(program))
    return run_trial(SPEC, Limits(seconds, memory_bytes), is_wanted, said.append, command)


def test_a_trial_reads_its_specification_and_its_steps_and_its_end_are_heard() -> None:
    steps: list[str] = []
    found = trial(
        """
        import json, sys
        spec = json.load(sys.stdin)
        print(json.dumps({"type": "step", "doing": "with " + spec["candidate"]["engine"]}), flush=True)
        print(json.dumps({"type": "end", "tried": {"engine": "onnx", "result": "refused", "why": "it differs"}}))
        """,
        steps=steps,
    )
    assert found == Tried("onnx", "refused", "it differs")
    assert steps == ["with onnx"]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import os; os._exit(3)", "the trial ended with exit code 3"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "the trial was killed by SIGSEGV"),
        ("print('no JSON', flush=True); import time; time.sleep(60)", "the trial said what is no report"),
        ("pass", "the trial ended with exit code 0"),
    ],
    ids=["exits", "crashes", "talks nonsense", "says nothing"],
)
def test_a_trial_that_comes_to_no_end_has_failed_and_says_how(program: str, why: str) -> None:
    found = trial(program)
    assert found.result == "failed"
    assert found.why.startswith(why)


def test_a_trial_that_hangs_is_ended_with_everything_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    found = trial(
        f"""
        import os, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        with open({str(pids)!r}, "w") as file:
            file.write(f"{{os.getpid()}} {{child.pid}}")
        time.sleep(60)
        """,
        seconds=2.0,
    )
    assert found == Tried("onnx", "failed", "the trial was ended: it took longer than 2 s")
    for pid in map(int, pids.read_text().split()):
        eventually(partial(is_gone, pid), bool, f"process {pid} is gone")


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_trial_that_eats_memory_is_ended_before_it_has_much() -> None:
    found = trial(
        """
        import time
        kept = []
        while len(kept) < 400:
            kept.append(bytearray(1 << 20))
            time.sleep(0.005)
        time.sleep(60)
        """,
        memory_bytes=100 * MIB,
    )
    assert found == Tried("onnx", "failed", "the trial was ended: it took more than 100 MiB of memory")


def test_a_trial_that_nobody_wants_any_more_is_ended() -> None:
    found = trial("import time; time.sleep(60)", is_wanted=lambda: False)
    assert found == Tried("onnx", "failed", "the version was unloaded meanwhile")
