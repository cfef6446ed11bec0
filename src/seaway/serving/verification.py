"""Replays the recorded answers of one version on engines, one after another, without a server.

Each engine is loaded as a server would load it and asked on the path of requests, by a plane that listens nowhere.
Which engines are asked, and what their answers mean for an exit code, is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from seaway.engines import registry, tensorflow
from seaway.engines.registry import TENSORFLOW
from seaway.errors import FailedPrecondition, SeawayError
from seaway.proof.agreement import TOLERANCES
from seaway.proof.passport import read_passport
from seaway.proof.replay import Ask, Recorded, check_complete, recorded_answers, replay
from seaway.proof.warmup import WARMUP_FILE, read_warmup_records
from seaway.repository.ids import ServableId
from seaway.serving.engine_options import engine_options
from seaway.serving.instance import Instance, LoadOptions, Place
from seaway.serving.proving import asker
from seaway.serving.trial.run import first_line, plane_for_trials
from seaway.serving.workers import Workers
from seaway.settings.batching_parameters import OFF
from seaway.settings.cores import usable_cores
from seaway.settings.engine import Engine, Queue
from seaway.settings.session_config import session_config
from seaway.worker.launcher import WorkerLauncher

Result = Literal["agrees", "differs", "refused"]

_LOAD_TIMEOUT_S = 600.0
_DRAIN_S = 5.0
_SERVABLE = ServableId("verified", 1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one engine made of the recorded requests; `refused`: it does not load the version."""

    engine: str
    result: Result
    compared: int = 0
    largest: float = 0.0
    """Largest difference, relative to the largest value of its output."""
    why: tuple[str, ...] = ()


def recorded_of(path: Path) -> list[Recorded]:
    """Return the recorded answers of a version.

    Raises:  FailedPrecondition - it has none, or not all that it was exported with; DataLoss - they cannot be read.
    """
    recorded = recorded_answers(read_warmup_records(path))
    check_complete(read_passport(path), recorded)
    if not recorded:
        raise FailedPrecondition(
            f"{path / WARMUP_FILE} holds no request with its answer, so nothing can be compared; seaway.export.save "
            "writes them"
        )
    return recorded


def verify(path: Path, engines: Sequence[str], recorded: Sequence[Recorded]) -> Iterator[Outcome]:
    """Yield what each engine makes of recorded requests.

    Raises:  DataLoss - `assets.extra/seaway.json` is there and cannot be read.
    """
    passport = read_passport(path)
    tolerances = passport.tolerances if passport else TOLERANCES
    for engine in engines:
        try:
            with brought_up(path, engine) as ask:
                found = replay(recorded, ask, tolerances)
        except SeawayError as err:
            yield Outcome(engine, "refused", why=(first_line(err.message),))
            continue
        yield Outcome(
            engine, "differs" if found.differences else "agrees", found.compared, found.largest, found.differences
        )


@contextmanager
def brought_up(path: Path, engine: str) -> Iterator[Ask]:
    """Load a version on an engine in a process of its own, for as long as the block lasts.

    Raises:  SeawayError - the engine is not installed, or does not take the version.
    """
    registry.require(engine)
    options = _options(engine)
    launcher = WorkerLauncher(options.library, use_fork_server=False)
    plane = plane_for_trials(options.concurrency)
    instance = Instance(Place(plane, Workers(launcher, is_shared=False), _SERVABLE, path), options, lambda *_: None)
    try:
        brought = instance.bring_up(OFF)
        yield asker(plane, brought.channel)
    finally:
        instance.give_back(drain_s=0.0)
        launcher.close()
        plane.stop()


def _options(engine: str) -> LoadOptions:
    settings, cores = Engine(), usable_cores()
    return LoadOptions(
        engine=engine,
        engine_options=engine_options(settings, cores),
        library=str(tensorflow.find().library) if engine == TENSORFLOW else "",
        tags=settings.saved_model_tags,
        session_config=session_config(settings, cores),
        custom_ops=(),
        concurrency=cores,
        slot_bytes=Queue().slot_bytes,
        max_queued_requests=Queue().max_queued_requests,
        load_timeout_s=_LOAD_TIMEOUT_S,
        drain_timeout_s=_DRAIN_S,
        warmup_iterations=0,
    )
