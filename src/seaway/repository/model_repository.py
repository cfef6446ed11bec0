"""The repository as the server uses it: a list of models in, their life kept going, what is known of them out.

It joins the parts. One thread runs `run`, which steps the poller and the manager; everything else may be called from
any thread. Listeners are called from that one thread, in order: a listener of `subscribe` that publishes routes has
done so before a version begins to unload, and only after a version has loaded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TypeAlias

from seaway import errors
from seaway.clock import Clock, SystemClock
from seaway.repository.admission import memory_limit
from seaway.repository.event_bus import EventBus
from seaway.repository.executor import Executor, ThreadExecutor
from seaway.repository.labels import resolve_labels
from seaway.repository.loader import LoaderFactory
from seaway.repository.manager import AspiredVersionsManager, Collaborators
from seaway.repository.options import RepositoryOptions
from seaway.repository.policy import AvailabilityPreservingPolicy, ResourcePreservingPolicy
from seaway.repository.polling import Poller
from seaway.repository.reload import ReloadPlan, plan_reload, reload_error
from seaway.repository.servable_state_monitor import Outcome, Progress, ServableStateMonitor, outcome, was_tried
from seaway.repository.snapshot import ModelSnapshot, ModelView, RepositoryView
from seaway.repository.source import Look, Source
from seaway.repository.sources.file_system import FileSystemSource
from seaway.repository.states import ServableState
from seaway.settings.model_config import ModelConfig, ModelList

log = logging.getLogger(__name__)

OnView: TypeAlias = Callable[[RepositoryView], None]

_LONGEST_SLEEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the repository takes from outside; each has the server's own as its default."""

    clock: Clock
    executor: Executor
    source: Source


def surroundings(options: RepositoryOptions) -> Surroundings:
    """Return the system's clock, threads and file system."""
    clock = SystemClock()
    return Surroundings(clock, ThreadExecutor(), FileSystemSource(options.source, clock))


class ModelRepository:
    """Keeps the configured models served."""

    def __init__(self, options: RepositoryOptions, loaders: LoaderFactory, around: Surroundings | None = None) -> None:
        """Serve nothing yet; `start` or `run` sets it going."""
        self._options = options
        self._around = around or surroundings(options)
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._apply_lock = threading.Lock()
        self._plans: SimpleQueue[ReloadPlan] = SimpleQueue()
        self._configs: Mapping[str, ModelConfig] = {}
        self._states: EventBus[ServableState] = EventBus()
        self._views: EventBus[RepositoryView] = EventBus()
        self._monitor = ServableStateMonitor(self._around.clock)
        self._published: RepositoryView = {}
        self._has_stepped = False
        self._poller = Poller(self._around.source, options.source, self._around.executor, self._around.clock)
        self._manager = _manager(options, loaders, self._around, self._wake.set, self._states)
        self._states.subscribe(lambda _: self._publish())

    # For any thread.

    def subscribe(self, listener: OnView) -> Callable[[], None]:
        """Call the listener with the whole view at every change of a state, a label or the list of models.

        It is called in the repository's thread and must not wait for anything that thread does.
        """
        return self._views.subscribe(listener)

    def subscribe_states(self, listener: Callable[[ServableState], None]) -> Callable[[], None]:
        """Call the listener with every single change of state, for counting and logging."""
        return self._states.subscribe(listener)

    def view(self) -> RepositoryView:
        """Return what is known of all models."""
        return self._monitor.view()

    def configs(self) -> Mapping[str, ModelConfig]:
        """Return the models that are configured, by name."""
        return self._configs

    def apply(self, models: ModelList) -> ReloadPlan:
        """Replace the set of models and return at once; what changed is in the answer."""
        with self._apply_lock:
            plan = plan_reload(self._configs, models)
            self._configs = {model.name: model for model in plan.models}
            self._plans.put(plan)
        for change in plan.changes:
            log.info("%s", change)
        self._wake.set()
        return plan

    def reload(self, models: ModelList, timeout_s: float | None = None) -> errors.SeawayError | None:
        """Replace the set of models and wait, within a bound, until each new or changed one serves or has failed.

        Returns: None when everything is as the list asks, else one error that names every failure. What could be
                 applied is applied either way.
        """
        plan = self.apply(models)
        outcomes = self.wait_until_available(plan.awaited, timeout_s)
        return reload_error(plan, outcomes, self.view())

    def wait_until_available(
        self, models: tuple[ModelConfig, ...] | None = None, timeout_s: float | None = None
    ) -> Mapping[str, Outcome]:
        """Wait until the models (all configured ones by default) serve or have failed; return what became of each."""
        wanted = tuple(self._configs.values()) if models is None else models
        limit_s = self._options.reload_timeout_s if timeout_s is None else timeout_s

        def outcomes(view: RepositoryView) -> dict[str, Outcome]:
            return {model.name: outcome(model, self._configs.get(model.name), view.get(model.name)) for model in wanted}

        def all_decided(view: RepositoryView) -> bool:
            return all(each.progress is not Progress.PENDING for each in outcomes(view).values())

        self._monitor.wait_for(all_decided, limit_s)
        return outcomes(self.view())

    def wait_until_tried(self, models: tuple[ModelConfig, ...], timeout_s: float) -> Mapping[str, Outcome]:
        """Wait until each model serves or has failed once; return what is known of each then."""
        self._monitor.wait_for(lambda view: all(was_tried(model, view.get(model.name)) for model in models), timeout_s)
        view = self.view()
        return {model.name: outcome(model, self._configs.get(model.name), view.get(model.name)) for model in models}

    def start(self) -> threading.Thread:
        """Run in a thread of its own."""
        thread = threading.Thread(target=self.run, name="repository", daemon=True)
        thread.start()
        return thread

    def shut_down(self, timeout_s: float) -> bool:
        """Unload everything, then stop; return whether all had ended within the bound."""
        if not self._has_stepped:
            self._stopped.set()
            return True
        self._plans.put(ReloadPlan((), ()))
        self._manager.shut_down()
        has_ended = self._monitor.wait_for(lambda _: self._manager.has_shut_down(), timeout_s)
        self._stopped.set()
        self._wake.set()
        return has_ended

    # For the one thread that runs it.

    def run(self) -> None:
        """Step until shut down."""
        while not self._stopped.is_set():
            self._wake.clear()
            try:
                due_s = self.tick()
            except Exception:
                log.exception("a step of the repository failed unexpectedly")
                due_s = 1.0
            self._around.clock.wait(self._wake, _LONGEST_SLEEP_S if due_s is None else due_s)

    def tick(self) -> float | None:
        """Take one step; return the seconds until something is due, None when nothing is."""
        self._has_stepped = True
        self._take_plans()
        look_s = self._poller.tick(self._on_look, self._wake.set)
        manage_s = self._manager.tick()
        self._publish()
        self._monitor.show(self._published)
        due = [each for each in (look_s, manage_s) if each is not None]
        return min(due) if due else None

    def _take_plans(self) -> None:
        while True:
            try:
                plan = self._plans.get_nowait()
            except Empty:
                return
            for name in self._poller.watch(plan.models):
                self._manager.set_aspired(name, ())

    def _on_look(self, config: ModelConfig, look: Look) -> None:
        if look.aspired is not None:
            self._manager.set_aspired(config.name, look.aspired)

    def _publish(self) -> None:
        """Tell the listeners what is different from the last time.

        Waiters are told at the end of a tick only: in the middle of one, a model may have been looked at while what was
        found is still in the manager's queue.
        """
        view = self._current_view()
        if view != self._published:
            self._published = view
            self._views.publish(view)

    def _current_view(self) -> RepositoryView:
        watched, managed = self._poller.watched(), self._manager.snapshot()
        views: dict[str, ModelView] = {}
        for name in sorted(watched.keys() | managed.keys()):
            seen, model = watched.get(name), managed.get(name, ModelSnapshot(name))
            if seen is None:
                views[name] = ModelView(name, None, False, None, model, {})
                continue
            labels = self._resolve(seen.config, model)
            views[name] = ModelView(name, seen.config, seen.is_looked_at, seen.problem, model, labels)
        return views

    def _resolve(self, config: ModelConfig, model: ModelSnapshot) -> Mapping[str, int]:
        before = self._published.get(config.name)
        assigned = before.labels if before is not None else {}
        allow = self._options.allow_version_labels_for_unavailable_models
        return resolve_labels(config.version_labels, assigned, model, allow)


def _manager(
    options: RepositoryOptions,
    loaders: LoaderFactory,
    around: Surroundings,
    wake: Callable[[], None],
    states: EventBus[ServableState],
) -> AspiredVersionsManager:
    preserving = ResourcePreservingPolicy() if options.manager.resource_preserving else AvailabilityPreservingPolicy()
    work = Collaborators(
        loaders=loaders,
        executor=around.executor,
        clock=around.clock,
        wake=wake,
        policy=preserving,
        admit=memory_limit(options.manager.total_model_memory_limit_bytes),
        bus=states,
    )
    return AspiredVersionsManager(options.manager, options.retry, work)
