"""Tries other engines for the versions that are served, one at a time, and has the fastest that agrees take over.

One thread. It takes versions as they become AVAILABLE, asks for trials, and carries out what `verdict` decides; a trial
or a change that fails leaves everything as it was.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue

from seaway._core import Plane
from seaway.clock import Clock
from seaway.errors import SeawayError
from seaway.repository.ids import ServableId
from seaway.repository.states import ServableState, State
from seaway.serving.engine_plan import EnginePlans
from seaway.serving.measure import Observation, observe
from seaway.serving.served import Served, ServedVersions
from seaway.serving.trial.limits import Limits, available_bytes, limits
from seaway.serving.trial.outcome import Decision, Spec, Tried, rounded
from seaway.serving.trial.supervisor import run_trial
from seaway.serving.trial.verdict import choose
from seaway.settings.trials import Trials

log = logging.getLogger(__name__)

_WAIT_S = 0.5
_MEASURE_S = 0.7

RunTrial = Callable[[Spec, Limits, Callable[[], bool], Callable[[str], None]], Tried]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The parts of the server that the tuner works with."""

    plane: Plane
    served: ServedVersions
    plans: EnginePlans
    publish: Callable[[], None]
    clock: Clock


class Tuner:
    """Has a queue of versions to look at."""

    def __init__(self, settings: Trials, work: Surroundings, trial: RunTrial = run_trial) -> None:
        """Nothing waits."""
        self._settings = settings
        self._work = work
        self._trial = trial
        self._queue: SimpleQueue[ServableId] = SimpleQueue()
        self._stop = threading.Event()
        self._ratios: dict[ServableId, list[Observation]] = {}

    def on_state(self, state: ServableState) -> None:
        """Note a version that has become AVAILABLE; take back the series of one that has ended."""
        if state.state is State.AVAILABLE:
            self._queue.put(state.id)
        elif state.state is State.END:
            self._observe([replace(each, op="remove") for each in self._ratios.pop(state.id, [])])

    def run(self, stop: threading.Event) -> None:
        """Look at versions until told to stop."""
        self._stop = stop
        while not stop.is_set():
            try:
                servable = self._queue.get(timeout=_WAIT_S)
            except Empty:
                continue
            try:
                self.look(servable)
            except Exception:
                log.exception("choosing an engine for %s failed unexpectedly", servable)

    def look(self, servable: ServableId) -> None:
        """Decide for one version, by what is remembered or by trials."""
        served = self._work.served.get(servable)
        if served is None:
            return
        plan = self._work.plans.plan(served.version)
        if served.is_stand_in:
            self._show(served, {"state": "direct", "why": served.proof})
        elif plan.decision is not None:
            self._show(served, _decided("remembered", plan.decision))
        elif candidates := self._work.plans.candidates(served.version):
            self._decide(served, candidates)

    def _decide(self, served: Served, candidates: tuple[str, ...]) -> None:
        if served.is_shared:
            self._show(
                served, {"state": "not tried", "why": "workers are shared, and an engine changes with its worker"}
            )
            return
        self._show(served, {"state": "waiting", "candidates": list(candidates)})
        self._work.clock.wait(self._stop, self._settings.delay_s)
        tried: list[Tried] = []
        for engine in candidates:
            if not self._is_served(served):
                return
            tried.append(self._try(served, engine, tried))
            self._count(served, tried[-1])
        if self._is_served(served):
            self._carry_out(served, choose(served.engine, tried, self._work.clock.wall()))

    def _try(self, served: Served, engine: str, before: list[Tried]) -> Tried:
        plans, settings = self._work.plans, self._settings
        spec = Spec(
            served.id.name,
            served.id.version,
            str(served.path),
            plans.options(served.engine),
            plans.options(engine),
            served.rules,
            settings.compare_non_finite,
            settings.least_gain,
            _MEASURE_S,
        )
        log.info("%s: trying %s in place of %s", served.id, engine, served.engine)

        def on_step(doing: str) -> None:
            tried = [rounded(each) for each in before]
            self._show(served, {"state": f"trying {engine}", "doing": doing, "tried": tried})

        bounds = limits(settings.timeout_s, settings.max_memory_bytes, available_bytes())
        tried = self._trial(spec, bounds, lambda: self._is_served(served), on_step)
        log.info("%s: %s is %s: %s", served.id, engine, tried.result, tried.why)
        return tried

    def _carry_out(self, served: Served, decision: Decision) -> None:
        # What came to no end may come to one another time.
        is_final = all(each.result != "failed" for each in decision.tried)
        if decision.engine != served.engine:
            try:
                served.switch(decision.engine)
            except SeawayError as err:
                log.warning("%s stays on %s: %s", served.id, served.engine, err.message)
                why = f"{served.engine} stays: {decision.engine} was faster, but {err.message}"
                decision, is_final = Decision(served.engine, served.engine, why, decision.tried), False
        self._work.plans.decided(served.version, decision, is_final)
        log.info("%s is served on %s: %s", served.id, decision.engine, decision.why)
        self._show(served, _decided("decided", decision))

    def _is_served(self, served: Served) -> bool:
        return self._work.served.get(served.id) is served and not self._stop.is_set()

    def _show(self, served: Served, choice: dict[str, object]) -> None:
        self._work.served.note_choice(served.id, choice)
        self._work.publish()

    def _count(self, served: Served, tried: Tried) -> None:
        model, engine = {"model": served.id.name}, {"engine": tried.engine}
        self._observe([Observation("seaway_engine_trials_total", model | engine | {"outcome": tried.result}, 1, "add")])
        if tried.figures is not None:
            labels = model | engine | {"version": str(served.id.version)}
            measured = {"throughput": tried.throughput_ratio, "speed": tried.speed_ratio}
            ratios = [
                Observation("seaway_engine_trial_ratio", labels | {"kind": kind}, ratio, "set")
                for kind, ratio in measured.items()
            ]
            self._observe(ratios)
            self._ratios.setdefault(served.id, []).extend(ratios)

    def _observe(self, observations: list[Observation]) -> None:
        observe(self._work.plane, observations)


def _decided(state: str, decision: Decision) -> dict[str, object]:
    return {
        "state": state,
        "engine": decision.engine,
        "before": decision.base,
        "why": decision.why,
        "tried": [rounded(each) for each in decision.tried],
    }
