"""One version on one engine: its channel, its worker, and the order in which they come and go.

    open channel → process → load → signatures → warm-up → proof of batching
    … drain → close channel → process ends

Each step is another part's work; this is only their order, and that nothing is left behind when one fails.

Source: tensorflow_serving/servables/tensorflow/saved_model_bundle_source_adapter.cc for what a load comprises.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seaway import errors
from seaway._core import Plane, StatusError
from seaway.engines.engine import EngineOptions
from seaway.proof.warmup import read_warmup_records
from seaway.repository.ids import ServableId
from seaway.serving.batching import Proofs, prove_batching
from seaway.serving.workers import Workers
from seaway.settings.batching_parameters import Rules
from seaway.worker.control import LoadRequest
from seaway.worker.process import WorkerProcess, describe_exit

log = logging.getLogger(__name__)

_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a version is loaded."""

    engine: str
    engine_options: EngineOptions
    library: str
    tags: tuple[str, ...]
    session_config: bytes
    custom_ops: tuple[str, ...]
    concurrency: int
    """Runs that a worker executes at once."""
    slot_bytes: int
    max_queued_requests: int
    load_timeout_s: float
    drain_timeout_s: float
    warmup_iterations: int
    """Times that each warm-up record is replayed; 0 for none at all."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A version that can answer."""

    channel: int
    worker: WorkerProcess
    signature_def_map: bytes
    batching: dict[str, str | None]
    """For each signature None where requests are joined, else why they run by themselves."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version is brought up, and which."""

    plane: Plane
    workers: Workers
    servable: ServableId
    path: Path


OnLost = Callable[["Instance", errors.SeawayError], None]


class Instance:
    """One attempt to have a version answer on one engine."""

    def __init__(self, place: Place, options: LoadOptions, on_lost: OnLost) -> None:
        """Begin nothing yet; `on_lost` is told when the worker ends on its own once the version has been brought up."""
        self._plane = place.plane
        self._workers = place.workers
        self._servable = place.servable
        self._path = place.path
        self._options = options
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._channel: int | None = None
        self._worker: WorkerProcess | None = None
        self._is_up = False
        self._lost: errors.SeawayError | None = None

    @property
    def lost(self) -> errors.SeawayError | None:
        """Return why the worker is gone that had brought the version up; None while it lives."""
        return self._lost

    @property
    def engine(self) -> str:
        """Return which engine runs the version."""
        return self._options.engine

    def bring_up(self, rules: Rules) -> Brought:
        """Return when the version can answer.

        Raises:  SeawayError - with the reason; everything of the attempt is given back.
        """
        started = time.monotonic()
        try:
            channel, descriptors = self._open_channel(rules)
            try:
                worker = self._acquire()
                loaded = worker.load(self._request(), *descriptors, self._options.load_timeout_s)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            with as_seaway_error():
                self._plane.set_signatures(channel, loaded.signature_def_map)
            self._warm_up(channel)
            proofs = self._prove_batching(channel, rules)
            with self._lock:
                self._check_wanted()
                self._is_up = True
            return Brought(channel, worker, loaded.signature_def_map, proofs, time.monotonic() - started)
        except BaseException:
            self.give_back(drain_s=0.0)
            raise

    def cancel(self) -> None:
        """Have `bring_up` end soon with Cancelled, if it still runs."""
        with self._lock:
            self._is_cancelled = True

    def give_back(self, drain_s: float) -> None:
        """Let requests finish within `drain_s`, then give everything back; a second call does nothing."""
        with self._lock:
            self._is_cancelled = True
            channel, worker = self._channel, self._worker
            self._channel = self._worker = None
            self._is_up = False
        if channel is not None:
            if drain_s and not self._plane.drain_channel(channel, drain_s):
                log.warning("%s: requests were still in flight after %.0f s and are ended", self._servable, drain_s)
            self._plane.close_channel(channel)
        if worker is not None:
            self._workers.release(self._servable, worker)

    def _open_channel(self, rules: Rules) -> tuple[int, tuple[int, int]]:
        options = self._options
        settings = {
            "model": self._servable.name,
            "version": self._servable.version,
            # A slot whose inputs the engine keeps is lost for good; one more per thread makes up for it.
            "slots": 3 * options.concurrency,
            "max_in_flight": 2 * options.concurrency,
            "stride_bytes": self._stride_bytes(),
            "max_queue": options.max_queued_requests,
            "batching": rules,
        }
        with as_seaway_error():
            channel, socket_fd, arena_fd = self._plane.open_channel(json.dumps(settings))
        with self._lock:
            self._channel = channel
        return channel, (socket_fd, arena_fd)

    def _acquire(self) -> WorkerProcess:
        self._check_wanted()
        worker = self._workers.acquire(self._servable, self.engine, self._on_exit)
        with self._lock:
            self._worker = worker
        self._check_wanted()
        return worker

    def _request(self) -> LoadRequest:
        options = self._options
        return LoadRequest(
            model=self._servable.name,
            version=self._servable.version,
            path=str(self._path),
            tags=options.tags,
            library=options.library,
            slots=3 * options.concurrency,
            stride_bytes=self._stride_bytes(),
            threads=options.concurrency,
            session_config=options.session_config,
            custom_ops=options.custom_ops,
            engine=options.engine,
            engine_options=options.engine_options,
        )

    def _warm_up(self, channel: int) -> None:
        options = self._options
        records = read_warmup_records(self._path) if options.warmup_iterations else []
        end = time.monotonic() + options.load_timeout_s
        for index, record in enumerate(records):
            for _ in range(options.warmup_iterations):
                self._check_wanted()
                self._replay(channel, index, record, max(0.0, end - time.monotonic()))
        if records:
            log.info("%s answered its %d warm-up records", self._servable, len(records))

    def _replay(self, channel: int, index: int, record: bytes, timeout_s: float) -> None:
        with as_seaway_error(f"warm-up record {index}: "):
            self._plane.warm_up(channel, record, timeout_s)

    def _prove_batching(self, channel: int, rules: Rules) -> Proofs:
        """Return for each signature None, or why its requests run by themselves."""
        if not rules["enabled"]:
            return {}
        self._check_wanted()
        return prove_batching(self._plane, channel, self._servable, self._path)

    def _on_exit(self, status: int) -> None:
        error = errors.Unavailable(f"the worker of {self._servable} {describe_exit(status)}")
        with self._lock:
            channel, is_up = self._channel, self._is_up
            self._lost = error
        if channel is not None:
            self._plane.close_channel(channel)
        if is_up:
            self._on_lost(self, error)

    def _check_wanted(self) -> None:
        if self._is_cancelled:
            raise errors.Cancelled(f"{self._servable} is no longer wanted")

    def _stride_bytes(self) -> int:
        return -(-self._options.slot_bytes // _PAGE_BYTES) * _PAGE_BYTES


@contextlib.contextmanager
def as_seaway_error(prefix: str = "") -> Iterator[None]:
    """Turn what the plane raises into the error of its code, its words after `prefix`."""
    try:
        yield
    except StatusError as err:
        raise errors.from_code(err.code, f"{prefix}{err.message}") from err
