"""Joins the parts of a server: which part is given which. No decision and no waiting is here."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seaway._core import Plane
from seaway.clock import Clock
from seaway.engines import registry, tensorflow
from seaway.repository.config_file import ConfigFilePoller
from seaway.repository.model_repository import ModelRepository
from seaway.serving.batching import BatchingAdmin, BatchingPoller, BatchingRules
from seaway.serving.engine_options import engine_options
from seaway.serving.measure import Measurer
from seaway.serving.plane_events import PlaneEvents
from seaway.serving.plane_settings import plane_settings
from seaway.serving.publisher import Publisher
from seaway.serving.repository_settings import model_list, repository_options
from seaway.serving.servable_loader import LoadOptions, ServableLoader, Site
from seaway.serving.served import ServedVersions
from seaway.serving.workers import Workers
from seaway.settings.cores import usable_cores
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
    ended: threading.Event

    def start(self) -> dict[str, str | None]:
        """Listen, then begin to load; return where it listens.

        Raises:  OSError - an address cannot be listened on.
        """
        addresses: dict[str, str | None] = json.loads(self.plane.start())
        for warning in self.models.warnings:
            log.warning("%s", warning)
        self.repository.start()
        self.repository.apply(self.models)
        workers = self.settings.workers
        _in_background("events", partial(self.events.run, self.ended))
        _in_background("measure", partial(self.measurer.run, workers.stats_interval_s, self.ended, self.clock))
        self._poll_files()
        return addresses

    def stop(self) -> None:
        """Refuse new requests, finish those in flight within the bound, unload everything, end every worker."""
        timeout_s = self.settings.drain.drain_timeout_s
        self.plane.set_ready(False)
        if not self.plane.drain(timeout_s):
            log.warning("requests were still in flight after %.0f s and are ended", timeout_s)
        self.ended.set()
        self.measurer.wake()
        if not self.repository.shut_down(timeout_s + 10.0):
            log.warning("not every version was unloaded in time; its worker is killed")
        self.launcher.close()
        self.plane.stop()

    def _poll_files(self) -> None:
        models = self.settings.models
        if models.model_config_file and models.model_config_file_poll_wait_seconds:
            poller = ConfigFilePoller(Path(models.model_config_file), self.models, self.repository.reload)
            wait_s = float(models.model_config_file_poll_wait_seconds)
            _in_background("config file", partial(poller.run, wait_s, self.ended, self.clock))
        if batching_wait := self.settings.batching.parameters_poll_wait_seconds:
            _in_background("batching", partial(self.batching.run, float(batching_wait), self.ended, self.clock))


def assemble(settings: ServerSettings, clock: Clock) -> Server:
    """Make the parts; nothing listens or loads yet.

    Raises:  SeawayError - the list of models, a file that settings name, or the engine cannot be used.
    """
    models = model_list(settings.models)
    plane = Plane(plane_settings(settings))
    options = _load_options(settings)
    # The fork server has TensorFlow's library open, which workers of other engines have no use for.
    launcher = WorkerLauncher(options.library, use_fork_server=options.engine == registry.TENSORFLOW)
    served = ServedVersions()
    publisher = Publisher(plane, served)
    batching = BatchingRules(settings.batching, usable_cores())
    batching_admin = BatchingAdmin(plane, served, settings.batching, publisher.refresh)
    workers = Workers(launcher, settings.models.isolation == "shared")
    site = Site(plane, workers, served, batching, batching_admin, options)
    repository = ModelRepository(repository_options(settings), partial(ServableLoader, site))
    measurer = Measurer(plane, served, publisher)
    # The counters first: whoever sees a version AVAILABLE also sees its load counted.
    repository.subscribe_states(measurer.on_state)
    repository.subscribe(publisher.show)
    events = PlaneEvents(plane, served, repository.reload, batching_admin.set_by_call)
    poller = BatchingPoller(served, batching, batching_admin)
    return Server(settings, clock, models, plane, launcher, repository, measurer, events, poller, threading.Event())


def _load_options(settings: ServerSettings) -> LoadOptions:
    engine, models = settings.engine, settings.models
    iterations = models.num_request_iterations_for_warmup or 1
    registry.require(engine.engine)
    is_tensorflow = engine.engine == registry.TENSORFLOW
    return LoadOptions(
        engine=engine.engine,
        engine_options=engine_options(engine, usable_cores()),
        library=str(tensorflow.find(engine.tensorflow_library).library) if is_tensorflow else "",
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


def _in_background(name: str, work: partial[None]) -> None:
    threading.Thread(target=work, name=name, daemon=True).start()
