"""On which engines a version may be loaded, and in which order they are tried.

A named engine is the only one. With `auto` it is the engine that a trial has chosen before for the same files on the
same machine, then the one that takes the files as they are: TensorFlow for a SavedModel wherever it is installed.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from seaway.engines import registry, tensorflow
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

AUTO = "auto"
_ONNX = "onnx"
_OPENVINO = "openvino"
_CONVERTERS = ("tensorflow", "tf2onnx")


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


def natural_engines(files: frozenset[str], usable: frozenset[str]) -> tuple[str, ...]:
    """Return the engine that takes what a version directory holds as it is meant; where that is missing, all others.

    Where nothing is usable, it is the engine that is missing, whose error says what to install.
    """
    if files & set(registry.KINDS[TENSORFLOW].files):
        order: tuple[str, ...] = (TENSORFLOW, _OPENVINO, _ONNX)
    elif "model.onnx" in files:
        order = (_ONNX, _OPENVINO)
    else:
        order = tuple(name for name, kind in registry.KINDS.items() if files & set(kind.files)) or (TENSORFLOW,)
    if order[0] in usable:
        return order[:1]
    return tuple(name for name in order if name in usable) or order[:1]


def candidates(files: frozenset[str], base: str, usable: frozenset[str], can_convert: bool) -> tuple[str, ...]:
    """Return the engines worth a trial in place of `base`."""
    others = {_ONNX, _OPENVINO} & usable - {base} if base in {TENSORFLOW, _ONNX, _OPENVINO} else set()
    if "model.onnx" not in files and not can_convert:
        others -= {_ONNX}
    return tuple(sorted(others))


def usable_engines(has_tensorflow: bool) -> frozenset[str]:
    """Return the engines whose packages are installed."""
    found = {name for name, kind in registry.KINDS.items() if not kind.package or _is_installed(kind.package)}
    return frozenset(found if has_tensorflow else found - {TENSORFLOW})


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


def can_convert() -> bool:
    """Tell whether a SavedModel can be converted to ONNX here."""
    return all(_is_installed(package) for package in _CONVERTERS)


def files_in(path: Path) -> frozenset[str]:
    """Return the names in a version directory; none when it cannot be read."""
    try:
        return frozenset(entry.name for entry in path.iterdir())
    except OSError:
        return frozenset()


class EnginePlans:
    """Makes plans, and remembers engines that failed while they served."""

    def __init__(
        self, choice: str, base: LoadOptions, rules: BatchingRules, usable: frozenset[str], kept: Decisions | None
    ) -> None:
        """`choice` is the engine of the settings; `base` what every engine is told; no `kept`, no trials."""
        self._choice = choice
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
        if self._choice != AUTO or self._kept is None:
            return ()
        plan = self.plan(version)
        return (
            () if plan.is_unproven else candidates(files_in(version.path), plan.engines[0], self._usable, can_convert())
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
        if self._choice != AUTO:
            return EnginePlan((self._choice,))
        files = files_in(version.path)
        natural = natural_engines(files, self._usable)
        is_stand_in = bool(files & set(registry.KINDS[TENSORFLOW].files)) and natural[0] != TENSORFLOW
        if self._kept is None or is_stand_in:
            return EnginePlan(natural, is_unproven=is_stand_in)
        place = (version.id, str(version.path), version.fingerprint)
        with self._lock:
            known = self._plans.get(place)
        if known is None:
            known = self._looked_up(version, natural, self._kept)
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
