"""One deployment: what is wanted of it, what is there, and every change of it under the lock and in the history.

All commands change a deployment through `change`: look, plan, ask, carry out, write down. What differs between them
is only what they want (`Intent`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import structs

from seaway.clock import Clock
from seaway.deploy import history, lock
from seaway.deploy.description.schema import Description
from seaway.deploy.description.secrets import Identities
from seaway.deploy.desire import Facts, Source, desire, look
from seaway.deploy.desired import Desired
from seaway.deploy.executor import Watch, execute
from seaway.deploy.observed import Observed
from seaway.deploy.operations import Clear
from seaway.deploy.plan import Plan, Step
from seaway.deploy.publication import read_generation
from seaway.deploy.site import Site
from seaway.deploy.target import Tell
from seaway.errors import FailedPrecondition, SeawayError
from seaway.fleet.published import Published, PublishedModel


@dataclass(frozen=True, slots=True)
class Situation:
    """What there is at one moment."""

    observed: Observed
    published: Published | None
    entries: tuple[history.Entry, ...]


@dataclass(frozen=True, slots=True)
class Intent:
    """What a command wants. `desired` makes it from the situation under the lock; None takes the deployment down.

    `keeps_records`: of a deployment that is taken down, what its monitor has kept stays. `is_automatic`: nobody typed
    the command, and who types one meanwhile waits for its end.
    """

    command: str
    cause: str
    desired: Callable[[Situation], Desired] | None
    keeps_records: bool = False
    is_automatic: bool = False


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is shown a plan and asked whether to carry it out, and who follows it."""

    agree: Callable[[Plan], bool]
    watch: Watch


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a change ended. `is_agreed` is false when nothing was done because somebody said no.

    `failures` are those of the steps that the rest can do without.
    """

    plan: Plan
    is_agreed: bool
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """What commands work on."""

    description: Description
    base: Path
    site: Site
    clock: Clock
    who: str
    identities: Identities = field(default_factory=Identities)
    source: Source | None = None
    monitor_lacks: str = ""
    """Package without which no monitor runs beside this description; empty where all are there."""

    def situation(self) -> Situation:
        """Look at what there is."""
        generation = read_generation(self.site.state)
        published = generation.published if generation is not None else None
        return Situation(self.site.target.observe(), published, history.read(self.site.state))

    def described(self, situation: Situation) -> Desired:
        """Return what seaway.yaml asks for. With autoscaling on, as many replicas as there are stay."""
        scaled = len(situation.observed.replicas) if self.description.autoscale.max else None
        facts = Facts(
            base=self.base,
            versions=look(self.description, self.base),
            now=situation.published,
            replicas=scaled or None,
            secrets=self.identities.secrets,
            fingerprints=self.identities.fingerprints,
            monitor_secrets=self.identities.monitor,
            monitor_lacks=self.monitor_lacks,
            source=self.source,
        )
        return desire(self.description, facts)

    def deployed(self, situation: Situation) -> Desired:
        """Return what was carried out last, with the decision in force: the base of changes that leave the rest alone.

        Raises:  FailedPrecondition - nothing was deployed yet.
        """
        desired = self._carried_out(situation.entries)
        if situation.published is None:
            raise self._not_deployed()
        return structs.replace(desired, published=situation.published, leaves_monitor=True)

    def replicas(self) -> int:
        """Return how many replicas were asked for last, without looking at what runs.

        Raises:  FailedPrecondition - nothing was deployed yet.
        """
        return self._carried_out(history.read(self.site.state)).replicas

    def _carried_out(self, entries: tuple[history.Entry, ...]) -> Desired:
        entry = history.newest_done(entries)
        if entry is None or entry.desired is None:
            raise self._not_deployed()
        return entry.desired

    def _not_deployed(self) -> FailedPrecondition:
        return FailedPrecondition(f"{self.description.project!r} is not deployed; `seaway deploy` does that")

    def plan(self, desired: Desired, situation: Situation) -> Plan:
        """Return what leads from the situation to what is wanted."""
        return self.site.plan(desired, situation.observed, situation.published)

    def change(self, intent: Intent, audience: Audience) -> Outcome:
        """Plan under the lock, ask, carry out, write down.

        Raises:  Aborted - somebody else holds the lock; what a failing operation raises.
        """
        with self._locked(intent, audience.watch.tell):
            situation = self.situation()
            desired = intent.desired(situation) if intent.desired is not None else None
            if desired is None:
                plan = self.site.teardown(situation.observed, intent.cause)
                plan = keeping_records(plan) if intent.keeps_records else plan
            else:
                plan = self.plan(desired, situation)
            if not audience.agree(plan):
                return Outcome(plan, is_agreed=False)
            failures: tuple[str, ...] = ()
            if plan or _is_news(desired, situation):
                failures = self._carry_out(intent, plan, desired, audience.watch)
            return Outcome(plan, is_agreed=True, failures=failures)

    @contextmanager
    def _locked(self, intent: Intent, tell: Tell) -> Iterator[None]:
        me = lock.this_process(intent.command, self.who, self.clock, is_automatic=intent.is_automatic)
        with lock.held(self.site.state, me, self.clock, tell=tell):
            yield

    def _carry_out(self, intent: Intent, plan: Plan, desired: Desired | None, watch: Watch) -> tuple[str, ...]:
        record = _Record(self, intent, plan, desired)
        try:
            failures = execute(plan, self.site.target, record.following(watch))
        except KeyboardInterrupt:
            record.end("interrupted", "interrupted from the keyboard")
            raise
        except SeawayError as err:
            record.end("failed", err.message)
            raise
        except BaseException as err:
            record.end("failed", f"internal error: {err!r}")
            raise
        record.end("done", "; ".join(failures))
        return failures


class _Record:
    """The entry of the history that a change writes as it goes on."""

    def __init__(self, deployment: Deployment, intent: Intent, plan: Plan, desired: Desired | None) -> None:
        self._state = deployment.site.state
        self._clock = deployment.clock
        self._begun = self._clock.now()
        self._done = 0
        entry = history.Entry(
            id=0,
            at=self._clock.wall(),
            who=deployment.who,
            command=intent.command,
            cause=intent.cause,
            steps=tuple(str(step) for step in plan.steps),
            desired=desired,
        )
        self._entry = history.begin(self._state, entry)

    def following(self, watch: Watch) -> Watch:
        """Return a watch that counts what is done, too."""

        def done(number: int, step: Step) -> None:
            self._done += 1
            watch.done(number, step)

        return Watch(watch.begun, done, watch.tell)

    def end(self, outcome: history.Outcome, error: str) -> None:
        """Write down how it ended."""
        seconds = round(self._clock.now() - self._begun, 3)
        entry = structs.replace(self._entry, outcome=outcome, error=error, done=self._done, seconds=seconds)
        history.complete(self._state, entry)


def with_model(desired: Desired, model: PublishedModel) -> Desired:
    """Return the same with another decision on one model. Pure."""
    models = tuple(model if each.name == model.name else each for each in desired.published.models)
    return structs.replace(desired, published=Published(models))


def keeping_records(plan: Plan) -> Plan:
    """Return the same teardown, of which what the monitor has kept stays. Pure."""
    steps = (
        structs.replace(step, operation=structs.replace(step.operation, keeps_records=True))
        if isinstance(step.operation, Clear)
        else step
        for step in plan.steps
    )
    return Plan(tuple(steps))


def _is_news(desired: Desired | None, situation: Situation) -> bool:
    """Tell whether something was wanted that the history does not know, although nothing is to be done for it."""
    entry = history.newest_done(situation.entries)
    if desired is None:
        return False
    known = entry.desired if entry is not None else None
    # Which part a command is about is no news of the deployment.
    return known is None or structs.replace(known, leaves_monitor=desired.leaves_monitor) != desired
