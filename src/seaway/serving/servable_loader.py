"""Brings one version into service: channel, worker, load, signatures, warm-up; and takes it out again.

    open channel → process → load → signatures → warm-up → proof of batching → (AVAILABLE)
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
from collections.abc import Iterator
from dataclasses import dataclass, replace

from seaway import errors
from seaway._core import Plane, StatusError
from seaway.engines.engine import EngineOptions
from seaway.repository.loader import OnFailure
from seaway.repository.source import AspiredVersion
from seaway.serving.batching import BatchingAdmin, BatchingRules, Proofs, prove_batching
from seaway.serving.served import Served, ServedVersions
from seaway.serving.warmup import read_warmup_records
from seaway.serving.workers import Workers
from seaway.settings.batching_parameters import Rules
from seaway.worker.control import LoadRequest
from seaway.worker.process import WorkerProcess, describe_exit

log = logging.getLogger(__name__)

_PAGE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How every version is loaded."""

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
class Site:
    """The parts of the server that a load works on."""

    plane: Plane
    workers: Workers
    served: ServedVersions
    batching: BatchingRules
    batching_admin: BatchingAdmin
    options: LoadOptions


class ServableLoader:
    """One attempt to serve one version; see `seaway.repository.loader.Loader` for the contract."""

    def __init__(self, site: Site, version: AspiredVersion, on_failure: OnFailure) -> None:
        """Begin nothing yet."""
        self._site = site
        self._version = version
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._channel: int | None = None
        self._worker: WorkerProcess | None = None
        self._served: Served | None = None

    def load(self) -> None:
        """Return when the version can answer.

        Raises:  SeawayError - with the reason; everything of the attempt is given back.
        """
        started = time.monotonic()
        try:
            configured = self._site.batching.rules(self._version.id.name, self._version.path)
            rules = self._site.batching_admin.rules(self._version.id.name, configured)
            channel, descriptors = self._open_channel(rules)
            try:
                worker = self._acquire()
                loaded = worker.load(self._request(), *descriptors, self._site.options.load_timeout_s)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)
            with _as_seaway_error():
                self._site.plane.set_signatures(channel, loaded.signature_def_map)
            self._warm_up(channel)
            proofs = self._prove_batching(channel, rules)
            self._enter(self._made(channel, worker, time.monotonic() - started, configured, proofs), rules)
        except BaseException:
            self._give_back(drain_s=0.0)
            raise

    def unload(self) -> None:
        """Let requests finish within the bound, then give everything back."""
        with self._lock:
            self._is_cancelled = True
            is_serving = self._served is not None
        self._give_back(self._site.options.drain_timeout_s if is_serving else 0.0)

    def _open_channel(self, rules: Rules) -> tuple[int, tuple[int, int]]:
        options, id_ = self._site.options, self._version.id
        settings = {
            "model": id_.name,
            "version": id_.version,
            # A slot whose inputs the engine keeps is lost for good; one more per thread makes up for it.
            "slots": 3 * options.concurrency,
            "max_in_flight": 2 * options.concurrency,
            "stride_bytes": self._stride_bytes(),
            "max_queue": options.max_queued_requests,
            "batching": rules,
        }
        with _as_seaway_error():
            channel, socket_fd, arena_fd = self._site.plane.open_channel(json.dumps(settings))
        with self._lock:
            self._channel = channel
        return channel, (socket_fd, arena_fd)

    def _acquire(self) -> WorkerProcess:
        self._check_wanted()
        worker = self._site.workers.acquire(self._version.id, self._on_exit)
        with self._lock:
            self._worker = worker
        self._check_wanted()
        return worker

    def _request(self) -> LoadRequest:
        options, id_ = self._site.options, self._version.id
        return LoadRequest(
            model=id_.name,
            version=id_.version,
            path=str(self._version.path),
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
        options = self._site.options
        records = read_warmup_records(self._version.path) if options.warmup_iterations else []
        end = time.monotonic() + options.load_timeout_s
        for index, record in enumerate(records):
            for _ in range(options.warmup_iterations):
                self._check_wanted()
                self._replay(channel, index, record, max(0.0, end - time.monotonic()))
        if records:
            log.info("%s answered its %d warm-up records", self._version.id, len(records))

    def _replay(self, channel: int, index: int, record: bytes, timeout_s: float) -> None:
        with _as_seaway_error(f"warm-up record {index}: "):
            self._site.plane.warm_up(channel, record, timeout_s)

    def _prove_batching(self, channel: int, rules: Rules) -> Proofs:
        """Return for each signature None, or why its requests run by themselves."""
        if not rules["enabled"]:
            return {}
        self._check_wanted()
        return prove_batching(self._site.plane, channel, self._version.id, self._version.path)

    def _made(self, channel: int, worker: WorkerProcess, seconds: float, configured: Rules, proofs: Proofs) -> Served:
        return Served(
            id=self._version.id,
            channel=channel,
            worker=worker,
            is_shared=self._site.workers.is_shared,
            engine=self._site.options.engine,
            load_seconds=seconds,
            path=self._version.path,
            rules=configured,
            batching=proofs,
            on_lost=self._on_failure,
        )

    def _enter(self, served: Served, rules: Rules) -> None:
        served = replace(served, is_batched=rules["enabled"])
        with self._lock:
            if self._is_cancelled:
                raise errors.Cancelled(f"{self._version.id} is no longer wanted")
            self._served = served
        self._site.batching_admin.enter(served, rules)

    def _give_back(self, drain_s: float) -> None:
        """Undo what was done, last first; whoever comes first does it, and only once."""
        with self._lock:
            channel, worker, served = self._channel, self._worker, self._served
            self._channel = self._worker = self._served = None
        if channel is not None:
            if drain_s and not self._site.plane.drain_channel(channel, drain_s):
                log.warning("%s: requests were still in flight after %.0f s and are ended", self._version.id, drain_s)
            self._site.plane.close_channel(channel)
        if served is not None:
            self._site.served.remove(served)
        if worker is not None:
            self._site.workers.release(self._version.id, worker)

    def _on_exit(self, status: int) -> None:
        with self._lock:
            served, channel = self._served, self._channel
        if channel is not None:
            self._site.plane.close_channel(channel)
        if served is not None:
            self._on_failure(errors.Unavailable(f"the worker of {self._version.id} {describe_exit(status)}"))

    def _check_wanted(self) -> None:
        if self._is_cancelled:
            raise errors.Cancelled(f"{self._version.id} is no longer wanted")

    def _stride_bytes(self) -> int:
        return -(-self._site.options.slot_bytes // _PAGE_BYTES) * _PAGE_BYTES


@contextlib.contextmanager
def _as_seaway_error(prefix: str = "") -> Iterator[None]:
    try:
        yield
    except StatusError as err:
        raise errors.from_code(err.code, f"{prefix}{err.message}") from err
