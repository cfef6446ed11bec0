"""Joins the parts of a server: which part is given which. No decision and no waiting is here."""

from __future__ import annotations

import json
import logging
import os
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seaway._core import Plane
from seaway.clock import Clock
from seaway.engines import registry, tensorflow
from seaway.engines.choice import AUTO, Preferences, has_gpu, usable_engines
from seaway.errors import FailedPrecondition
from seaway.repository.config_file import ConfigFilePoller
from seaway.repository.model_repository import ModelRepository
from seaway.serving.batching import BatchingAdmin, BatchingPoller, BatchingRules
from seaway.serving.engine_options import engine_options
from seaway.serving.engine_plan import EnginePlans
from seaway.serving.follow.following import Following, following
from seaway.serving.instance import LoadOptions
from seaway.serving.log_shipping import LogShipping, log_directory, log_shipping
from seaway.serving.measure import Measurer, tell
from seaway.serving.model_stores import model_stores
from seaway.serving.plane_events import PlaneEvents
from seaway.serving.plane_settings import plane_settings
from seaway.serving.publisher import Publisher
from seaway.serving.repository_settings import model_list, repository_options
from seaway.serving.servable_loader import ServableLoader, Site
from seaway.serving.served import ServedVersions
from seaway.serving.store_metrics import StoreMetrics
from seaway.serving.tokens import TokensFile, read_tokens
from seaway.serving.trial.decisions import Decisions
from seaway.serving.trial.tuner import Surroundings, Tuner
from seaway.serving.workers import Workers
from seaway.settings.cores import usable_cores
from seaway.settings.engine import Engine
from seaway.settings.model_config import ModelList
from seaway.settings.server import ServerSettings
from seaway.settings.session_config import session_config
from seaway.worker.launcher import WorkerLauncher

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Server:
    """The parts of one server, and the order in which they start and end."""

    settings: ServerSettings
    clock: Clock
    models: ModelList
    plane: Plane
    launcher: WorkerLauncher
    repository: ModelRepository
    measurer: Measurer
    events: PlaneEvents
    batching: BatchingPoller
    tuner: Tuner
    log_shipping: LogShipping
    stopping: threading.Event
    ended: threading.Event
    following: Following | None
    tokens: TokensFile | None

    def start(self) -> dict[str, str | None]:
        """Listen, then begin to load; return where it listens.

        Raises:  OSError - an address cannot be listened on.
        """
        addresses: dict[str, str | None] = json.loads(self.plane.start())
        for warning in self.models.warnings:
            log.warning("%s", warning)
        self.log_shipping.start()
        self.repository.start()
        self.repository.apply(self.models)
        workers = self.settings.workers
        _in_background("events", partial(self.events.run, self.ended))
        _in_background("measure", partial(self.measurer.run, workers.stats_interval_s, self.ended, self.clock))
        if self.settings.engine.engine == AUTO and self.settings.trials.enabled:
            _in_background("engine trials", partial(self.tuner.run, self.ended))
        self._poll_files()
        if self.following is not None:
            self.following.start(self.ended)
        return addresses

    def set_ready(self, is_ready: bool) -> None:
        """Say whether the server wants requests; one that stops wants none, whoever says so."""
        if is_ready and self.stopping.is_set():
            return
        self.plane.set_ready(is_ready)
        if self.following is not None:
            self.following.reporter.set_ready(is_ready)

    def stop(self) -> None:
        """Refuse new requests, finish those in flight within the bound, unload everything, end every worker."""
        timeout_s, lame_duck_s = self.settings.drain.drain_timeout_s, self.settings.drain.lame_duck_s
        self.stopping.set()
        self.set_ready(False)
        if lame_duck_s:
            log.info("not ready any more; answering for another %g s, so that balancers notice", lame_duck_s)
            self.clock.wait(threading.Event(), lame_duck_s)
        if not self.plane.drain(timeout_s):
            log.warning("requests were still in flight after %.0f s and are ended", timeout_s)
        self.ended.set()
        self.measurer.wake()
        if not self.repository.shut_down(timeout_s + 10.0):
            log.warning("not every version was unloaded in time; its worker is killed")
        self.launcher.close()
        if self.following is not None:
            self.following.stop()
        self.plane.stop()
        # The plane has completed its files by now.
        self.log_shipping.stop()

    def _poll_files(self) -> None:
        models = self.settings.models
        if models.model_config_file and models.model_config_file_poll_wait_seconds:
            poller = ConfigFilePoller(Path(models.model_config_file), self.models, self.repository.reload)
            wait_s = float(models.model_config_file_poll_wait_seconds)
            _in_background("config file", partial(poller.run, wait_s, self.ended, self.clock))
        if self.tokens is not None:
            _in_background("tokens", partial(self.tokens.run, self.ended, self.clock))
        if batching_wait := self.settings.batching.parameters_poll_wait_seconds:
            _in_background("batching", partial(self.batching.run, float(batching_wait), self.ended, self.clock))


def assemble(settings: ServerSettings, clock: Clock) -> Server:
    """Make the parts; nothing listens or loads yet.

    Raises:  SeawayError - the list of models, a file that settings name, or the engine cannot be used.
    """
    models = model_list(settings.models, settings.follow)
    tokens = read_tokens(settings.network.tokens_file) if settings.network.tokens_file else ()
    plane = Plane(plane_settings(settings, tokens))
    options = _load_options(settings)
    launcher = WorkerLauncher(options.library, use_fork_server=bool(options.library))
    served = ServedVersions()
    shipping = log_shipping(settings, plane, clock)
    publisher = Publisher(plane, served, shipping.write_prefix)
    batching = BatchingRules(settings.batching, usable_cores())
    plans = _engine_plans(settings, options, batching)
    workers = Workers(launcher, settings.models.isolation == "shared")
    batching_admin = BatchingAdmin(plane, served, settings.batching, publisher.refresh)
    site = Site(plane, workers, served, batching, batching_admin, plans, publisher.refresh, settings.models.proof)
    repository_told = repository_options(settings)
    stored = model_stores(settings, clock)
    of_stores = StoreMetrics(partial(tell, plane))
    loaders = stored.loaders(partial(ServableLoader, site), of_stores)
    repository = ModelRepository(repository_told, loaders, stored.surroundings(repository_told.source, of_stores))
    measurer = Measurer(plane, served, publisher)
    tuner = Tuner(settings.trials, Surroundings(plane, served, plans, publisher.refresh, clock))
    # The counters first: whoever sees a version AVAILABLE also sees its load counted.
    repository.subscribe_states(measurer.on_state)
    repository.subscribe(publisher.show)
    repository.subscribe_states(tuner.on_state)
    events = PlaneEvents(plane, served, repository.reload, batching_admin.set_by_call)
    poller = BatchingPoller(served, batching, batching_admin)
    ended = threading.Event()
    return Server(
        settings,
        clock,
        models,
        plane,
        launcher,
        repository,
        measurer,
        events,
        poller,
        tuner,
        shipping,
        stopping=threading.Event(),
        ended=ended,
        following=_following(settings, plane, repository, (served, batching_admin), clock),
        tokens=TokensFile(settings.network.tokens_file, tokens, plane.set_tokens) if tokens else None,
    )


def _following(
    settings: ServerSettings,
    plane: Plane,
    repository: ModelRepository,
    parts: tuple[ServedVersions, BatchingAdmin],
    clock: Clock,
) -> Following | None:
    if not settings.follow.directory:
        return None
    return following(settings.follow, plane, repository, (*parts, log_directory(settings)), clock)


def _engine_plans(settings: ServerSettings, options: LoadOptions, batching: BatchingRules) -> EnginePlans:
    # TensorFlow's own operations have no counterpart elsewhere; and a GPU has no room for a second copy of every model,
    # nor have the other engines any use for it.
    is_tied = bool(settings.engine.custom_op_libraries) or has_gpu(os.environ)
    has_trials = settings.trials.enabled and not is_tied
    kept = Decisions(settings.engine.cache_directory) if has_trials else None
    usable = usable_engines(bool(options.library))
    return EnginePlans(_preferences(settings.engine), options, batching, usable, kept)


def _preferences(engine: Engine) -> Preferences:
    return Preferences(engine.engine, engine.prefer_tflite_model)


def _load_options(settings: ServerSettings) -> LoadOptions:
    engine, models = settings.engine, settings.models
    iterations = models.num_request_iterations_for_warmup or 1
    for name in _preferences(engine).engines:
        registry.require(name)
    return LoadOptions(
        engine=engine.engine,
        engine_options=engine_options(engine, usable_cores()),
        library=_library(engine, may_differ=bool(settings.follow.directory)),
        tags=engine.saved_model_tags,
        session_config=session_config(engine, usable_cores()),
        custom_ops=tuple(str(path) for path in tensorflow.custom_op_libraries(engine.custom_op_libraries)),
        concurrency=engine.concurrency or usable_cores(),
        slot_bytes=settings.queue.slot_bytes,
        max_queued_requests=settings.queue.max_queued_requests,
        load_timeout_s=models.load_timeout_s,
        drain_timeout_s=settings.drain.drain_timeout_s,
        warmup_iterations=iterations if models.enable_model_warmup else 0,
    )


def _library(engine: Engine, may_differ: bool) -> str:
    """Return TensorFlow's library; empty where it is not needed, or not there and something else may do.

    `may_differ`: models may have engines of their own.

    Raises:  FailedPrecondition - it is needed, or named, and not there.
    """
    if engine.engine == registry.TENSORFLOW or engine.tensorflow_library:
        return str(tensorflow.find(engine.tensorflow_library).library)
    if engine.engine != AUTO and not may_differ:
        return ""
    try:
        return str(tensorflow.find().library)
    except FailedPrecondition as err:
        log.warning("%s; other engines stand in for it where they can", err.message)
        return ""


def _in_background(name: str, work: partial[None]) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()
