"""On which engines a version may be loaded, and in which order they are tried.

A named engine is the only one. With `auto` it is the engine that a trial has chosen before for the same files on the
same machine, then the one that takes the files as they are: TensorFlow for a SavedModel wherever it is installed.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace

from seaway.engines import tensorflow
from seaway.engines.choice import AUTO, Preferences, can_convert, candidates, choose, is_stand_in, model_files
from seaway.engines.registry import TENSORFLOW
from seaway.errors import SeawayError
from seaway.repository.ids import ServableId
from seaway.repository.source import AspiredVersion
from seaway.serving.batching import BatchingRules
from seaway.serving.instance import LoadOptions
from seaway.serving.trial import decisions
from seaway.serving.trial.decisions import Decisions
from seaway.serving.trial.outcome import Decision

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """Which engines to try, in order, for one version."""

    engines: tuple[str, ...]
    key: str = ""
    """What a decision about the version is kept under; empty where there is nothing to decide."""
    decision: Decision | None = None
    """The one that was made before."""
    is_unproven: bool = False
    """Whether the engines stand in for TensorFlow, which is not installed."""


class EnginePlans:
    """Makes plans, and remembers engines that failed while they served."""

    def __init__(
        self,
        preferences: Preferences,
        base: LoadOptions,
        rules: BatchingRules,
        usable: frozenset[str],
        kept: Decisions | None,
    ) -> None:
        """`base` is what every engine is told; no `kept`, no trials."""
        self._preferences = preferences
        self._base = base
        self._rules = rules
        self._usable = usable
        self._kept = kept
        self._lock = threading.Lock()
        self._plans: dict[tuple[ServableId, str, str], EnginePlan] = {}

    @property
    def drain_timeout_s(self) -> float:
        """Return how long requests in flight are waited for."""
        return self._base.drain_timeout_s

    def candidates(self, version: AspiredVersion) -> tuple[str, ...]:
        """Return the engines to try in place of the first of the version's plan."""
        if self._of(version).engine != AUTO or self._kept is None:
            return ()
        plan = self.plan(version)
        return (
            ()
            if plan.is_unproven
            else candidates(model_files(version.path), plan.engines[0], self._usable, can_convert())
        )

    def options(self, engine: str) -> LoadOptions:
        """Return how versions are loaded on an engine.

        Raises:  FailedPrecondition - the engine is TensorFlow, which is not installed.
        """
        if engine == TENSORFLOW and not self._base.library:
            tensorflow.find()
        return replace(self._base, engine=engine)

    def plan(self, version: AspiredVersion) -> EnginePlan:
        """Return the engines for a version; with trials this reads its files, once for each state they have."""
        files = model_files(version.path)
        preferences = self._of(version)
        engines = choose(preferences, files, self._usable)
        is_unproven = preferences.engine == AUTO and is_stand_in(engines[0], files)
        if preferences.engine != AUTO or self._kept is None or is_unproven:
            return EnginePlan(engines, is_unproven=is_unproven)
        place = (version.id, str(version.path), version.fingerprint)
        with self._lock:
            known = self._plans.get(place)
        if known is None:
            known = self._looked_up(version, engines, self._kept)
            with self._lock:
                self._plans = {each: plan for each, plan in self._plans.items() if each[0] != version.id}
                self._plans[place] = known
        return known

    def decided(self, version: AspiredVersion, decision: Decision, is_final: bool) -> None:
        """Take note of a decision; one that is final is kept for later servers."""
        plan = self.plan(version)
        self._note(version, replace(plan, engines=_first(decision.engine, plan.engines), decision=decision))
        if is_final and self._kept is not None and plan.key:
            self._kept.keep(plan.key, decision)

    def died(self, version: AspiredVersion, engine: str, error: SeawayError) -> None:
        """Take note of a worker's death: an engine that was chosen by trial is not chosen again for this version."""
        plan = self.plan(version)
        decision = plan.decision
        if decision is None or engine != decision.engine or engine == decision.base:
            return
        why = f"{decision.base} is back: {engine} was chosen, and {error.message}"
        log.error("%s: %s", version.id, why)
        self.decided(version, Decision(decision.base, decision.base, why, decision.tried, decision.decided_at_s), True)

    def _of(self, version: AspiredVersion) -> Preferences:
        """Return the preferences for a version: its model's own engine, where it has one."""
        own = version.model.engine
        return replace(self._preferences, engine=own) if own else self._preferences

    def _looked_up(self, version: AspiredVersion, natural: tuple[str, ...], kept: Decisions) -> EnginePlan:
        try:
            key = decisions.key(
                version.path, self.options(natural[0]), self._rules.rules(version.id.name, version.path)
            )
        except OSError as err:
            log.warning("%s: no engine is tried, its files cannot be read: %s", version.id, err)
            return EnginePlan(natural)
        decision = kept.find(key)
        if decision is None or decision.engine not in self._usable:
            return EnginePlan(natural, key)
        return EnginePlan(_first(decision.engine, natural), key, decision)

    def _note(self, version: AspiredVersion, plan: EnginePlan) -> None:
        with self._lock:
            self._plans[version.id, str(version.path), version.fingerprint] = plan


def _first(engine: str, others: tuple[str, ...]) -> tuple[str, ...]:
    return (engine, *(other for other in others if other != engine))
