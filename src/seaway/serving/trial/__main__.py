"""`python -m seaway.serving.trial`: one trial; its specification comes as JSON on standard input.

What it does and finds goes to standard output, one JSON object a line. The process makes itself the least important one
of the machine before anything else: it runs when nobody else wants a core, and is the first to go when memory is short.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import msgspec

from seaway._core import die_with_parent
from seaway.errors import SeawayError
from seaway.serving.trial.outcome import End, Spec, Step, Tried
from seaway.serving.trial.run import Trial, plane_for_trials
from seaway.serving.workers import Workers
from seaway.worker.launcher import WorkerLauncher

_LOWEST = 19
_FIRST_TO_GO = "1000"


def main() -> int:
    """Run the trial; the exit code is 0 when it came to an end, whatever that is."""
    _step_back()
    die_with_parent()
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=Spec)
    plane = plane_for_trials(spec.base.concurrency)
    launcher = WorkerLauncher("", use_fork_server=False)
    try:
        trial = Trial(spec, plane, Workers(launcher, is_shared=False), lambda doing: _say(Step(doing)))
        try:
            tried = trial.run()
        except SeawayError as err:
            tried = Tried(spec.candidate.engine, "failed", err.message)
        _say(End(tried))
    finally:
        launcher.close()
        plane.stop()
    return 0


def _step_back() -> None:
    with contextlib.suppress(OSError):  # not allowed everywhere; nice comes close
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.nice(_LOWEST)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")


def _say(what: Step | End) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
