"""Drives a rollout: looks, asks `decide`, changes what is published, writes down. It decides nothing.

Every change is made under the lock of the deployment, after a last look at the record there: so a rollback by hand,
which ends the record first, is never undone by a step that was decided before it.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import structs

from seaway.clock import Clock
from seaway.deploy.description.schema import Objective
from seaway.deploy.description.schema import Rollout as Settings
from seaway.deploy.measurements import Measurements, Unmeasured
from seaway.deploy.rollout import record
from seaway.deploy.rollout.checks import broken, look
from seaway.deploy.rollout.decision import Verdict, decide
from seaway.deploy.rollout.record import Rollout
from seaway.deploy.rollout.stages import Keep, at_stage, settled, stages
from seaway.deploy.rollout.window import window
from seaway.deploy.state import StateStore
from seaway.errors import Aborted, Cancelled, FailedPrecondition, SeawayError, Unavailable
from seaway.fleet.published import PublishedModel
from seaway.fleet.report import Report

LOOK_S = 1.0
HAND_S = 120.0
"""Time that a rollback by hand waits for a step that is just being made."""

Alter = Callable[[PublishedModel], PublishedModel]


@dataclass(frozen=True, slots=True)
class Hands:
    """What a controller does things with. `change` publishes one model otherwise, under the lock, with a cause.

    `measurements` are asked only for what the settings name.
    """

    state: StateStore
    reports: Callable[[], tuple[Report, ...]]
    change: Callable[[str, str, Alter], None]
    clock: Clock
    measurements: Measurements = field(default_factory=Unmeasured)


@dataclass(frozen=True, slots=True)
class Rules:
    """How one model is rolled out."""

    settings: Settings
    objective: Objective
    keep: Keep


class RolloutController:
    """Drives the rollout of one model."""

    def __init__(self, hands: Hands, rules: Rules, model: str) -> None:
        """Change nothing yet."""
        self._hands = hands
        self._rules = rules
        self._model = model

    def begin(self, live: int, candidate: int, who: str) -> Rollout:
        """Load the candidate beside the live version and enter the first stage.

        Raises:  FailedPrecondition - a rollout of the model is under way; what the change raises: then it has ended.
        """
        found = record.read(self._hands.state, self._model)
        if found is not None and found.is_under_way:
            raise FailedPrecondition(
                f"{self._model} {found.candidate} is being rolled out by {found.who}, at {found.now}; "
                f"`seaway rollout {self._model} --resume` goes on, `seaway rollback {self._model}` goes back"
            )
        now = self._hands.clock.wall()
        chosen = stages(self._rules.settings)
        rollout = Rollout(uuid.uuid4().hex, self._model, live, candidate, who, now, chosen, stage_begun_at=now)
        self._write(rollout)
        try:
            self._enter(rollout, 0, f"{candidate} is to take over from {live}")
        except (SeawayError, KeyboardInterrupt) as err:
            reason = err.message if isinstance(err, SeawayError) else "interrupted while the new version was loading"
            self._end(rollout, "rolled back", reason)
            raise
        return self.current()

    def current(self) -> Rollout:
        """Return the rollout as it is written down.

        Raises:  FailedPrecondition - there is none.
        """
        found = record.read(self._hands.state, self._model)
        if found is None:
            raise FailedPrecondition(
                f"there is no rollout of {self._model}; `seaway rollout {self._model} VERSION` begins one"
            )
        return found

    def tick(self) -> tuple[Rollout, str]:
        """Look once and do what follows; return the rollout afterwards, and what was seen in words.

        Raises:  SeawayError - what follows could not be done; the rollout is where it was.
        """
        rollout = self.current()
        if not rollout.is_under_way:
            return rollout, rollout.notes[-1].text if rollout.notes else rollout.outcome
        reports = self._hands.reports()
        settings = self._rules.settings
        measured = look(self._hands.measurements, settings, rollout)
        seen = window(self._model, rollout.versions, rollout.baseline, reports)
        seen = structs.replace(seen, broken=broken(settings, measured, rollout))
        elapsed = self._hands.clock.wall() - rollout.stage_begun_at
        found = decide(rollout.now, seen, elapsed, settings, self._rules.objective)
        match found.verdict:
            case Verdict.ROLL_BACK:
                self._go_back(rollout, found.reason)
            case Verdict.ADVANCE if rollout.stage + 1 < len(rollout.stages):
                rollout = self._note(rollout, found.reason)
                self._enter(rollout, rollout.stage + 1, found.reason)
            case Verdict.ADVANCE:
                self._promote(rollout, found.reason)
        return self.current(), found.reason

    def run(self, stop: threading.Event, tell: Callable[[Rollout, str], None]) -> Rollout:
        """Drive the rollout to its end, or until told to stop; return it as it is then."""
        while True:
            try:
                rollout, text = self.tick()
                tell(rollout, text)
            except (Aborted, Unavailable) as err:
                # Somebody else is busy, or the engine is away: the traffic stays as it is meanwhile.
                rollout = self.current()
                tell(rollout, f"waiting: {err.message}")
            except Cancelled:
                return self.current()
            if not rollout.is_under_way or self._hands.clock.wait(stop, LOOK_S):
                return rollout

    def roll_back(self, who: str) -> Rollout:
        """End the rollout by hand and have the live version answer alone.

        Raises:  Aborted - another deployer is busy for too long; the rollout has ended all the same, and the next
        deploy
                 or rollback brings the traffic back.
        """
        rollout = self._end(self.current(), "rolled back", f"by hand, {who}")
        end = self._hands.clock.now() + HAND_S
        while True:
            try:
                self._settle(rollout, rollout.live, "rolled back by hand")
            except Aborted:
                if self._hands.clock.now() >= end:
                    raise
                self._hands.clock.wait(threading.Event(), LOOK_S)
            else:
                return rollout

    def _enter(self, rollout: Rollout, number: int, reason: str) -> None:
        stage = rollout.stages[number]
        header = self._rules.settings.sticky_header

        def alter(model: PublishedModel) -> PublishedModel:
            self._check(rollout)
            return at_stage(model, rollout.versions, stage, header)

        self._hands.change(f"rollout {self._model} {rollout.candidate}", f"{stage}: {reason}", alter)
        now = self._hands.clock.wall()
        self._write(record.at_stage(rollout, number, now, self._hands.reports()))

    def _promote(self, rollout: Rollout, reason: str) -> None:
        def alter(model: PublishedModel) -> PublishedModel:
            self._check(rollout)
            return settled(model, rollout.candidate, self._rules.keep)

        self._hands.change(f"rollout {self._model} {rollout.candidate}", f"promote: {reason}", alter)
        self._end(rollout, "promoted", reason)

    def _go_back(self, rollout: Rollout, reason: str) -> None:
        self._check(rollout)
        rollout = self._end(rollout, "rolled back", reason)
        self._settle(rollout, rollout.live, reason)

    def _settle(self, rollout: Rollout, version: int, reason: str) -> None:
        def alter(model: PublishedModel) -> PublishedModel:
            return settled(model, version, self._rules.keep)

        self._hands.change(f"rollback {self._model}", f"from {rollout.candidate} to {version}: {reason}", alter)

    def _check(self, rollout: Rollout) -> None:
        """Make sure that nobody else has ended this rollout.

        Raises:  Cancelled - somebody has.
        """
        found = record.read(self._hands.state, self._model)
        if found is None or found.id != rollout.id or not found.is_under_way:
            raise Cancelled(f"the rollout of {self._model} was ended by somebody else")

    def _note(self, rollout: Rollout, text: str) -> Rollout:
        return self._write(record.noted(rollout, self._hands.clock.wall(), text))

    def _end(self, rollout: Rollout, outcome: record.Outcome, reason: str) -> Rollout:
        ended = record.noted(rollout, self._hands.clock.wall(), reason, outcome)
        return self._write(structs.replace(ended, baseline=()))

    def _write(self, rollout: Rollout) -> Rollout:
        record.write(self._hands.state, rollout)
        return rollout
