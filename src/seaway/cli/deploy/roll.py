"""The verbs that move traffic: rollout and rollback; and autoscale, which moves replicas."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from msgspec import structs

from seaway.cli.deploy import scaling
from seaway.cli.deploy.change import run_change
from seaway.cli.deploy.console import Terminal, print_json
from seaway.cli.deploy.options import FILE_NAME, Environment, File, Json, TargetName, Yes, opened
from seaway.deploy import history
from seaway.deploy.deployment import Audience, Deployment, Intent, Situation, with_model
from seaway.deploy.desire import look
from seaway.deploy.desired import Desired
from seaway.deploy.live import live_version, loaded_versions
from seaway.deploy.plan import Plan
from seaway.deploy.rollout import record
from seaway.deploy.rollout.controller import Alter, Hands, RolloutController, Rules
from seaway.deploy.rollout.record import Rollout
from seaway.deploy.rollout.stages import Keep, settled, stages
from seaway.errors import FailedPrecondition, InvalidArgument, NotFound
from seaway.fleet.published import PublishedModel

FAILED = 1


def rollout(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model.")],
    version: Annotated[int | None, typer.Argument(metavar="VERSION", help="The version that is to take over.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a rollout that nobody drives any more.")] = False,
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring in a version of a model stage by stage: shadow, canary, all requests, done.

    Both versions are loaded in the same servers. When an objective of the model breaks, everything goes back by itself,
    and the exit code is 1. Ctrl-C leaves the traffic as it is: `--resume` goes on, `seaway rollback MODEL` goes back.
    """
    if resume == (version is not None):
        raise InvalidArgument("give the version that is to take over, or --resume, and not both")
    deployment = opened(file, environment, target)
    terminal = Terminal(deployment.clock, as_json, yes)
    controller = _controller(deployment, terminal, model)
    if version is not None:
        live = _checked(deployment, model, version)
        if not _agreed(deployment, terminal, (model, live, version)):
            return
        controller.begin(live, version, deployment.who)
    with _stopping() as stop:
        ended = controller.run(stop, _Teller(terminal).tell)
    _finish(ended, terminal, as_json)


def rollback(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="The model; the servers unless given.")] = "",
    version: Annotated[
        int | None, typer.Argument(metavar="VERSION", help="The version; the one before unless given.")
    ] = None,
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Go back: a model to the version before or to VERSION, at once; or the servers to what they were made of before.

    A rollout of the model that is under way ends with it.
    """
    deployment = opened(file, environment, target)
    if not model:
        run_change(deployment, Intent("rollback", "asked by hand", _servers_before), as_json, yes)
        return
    under_way = record.read(deployment.site.state, model)
    if under_way is not None and under_way.is_under_way and version in {None, under_way.live}:
        terminal = Terminal(deployment.clock, as_json, yes=True)
        _finish_by_hand(_controller(deployment, terminal, model).roll_back(deployment.who), terminal, as_json)
        return
    command = f"rollback {model}" + (f" {version}" if version is not None else "")

    def before(situation: Situation) -> Desired:
        now = _published(situation, model)
        wanted = version if version is not None else _version_before(situation, now)
        _check_in_store(deployment, model, wanted)
        if under_way is not None and under_way.is_under_way:
            raise FailedPrecondition(
                f"{model} {under_way.candidate} is being rolled out; `seaway rollback {model}` ends that first"
            )
        return with_model(deployment.deployed(situation), settled(now, wanted, _keep(deployment, model)))

    run_change(deployment, Intent(command, "asked by hand", before), as_json, yes)


def autoscale(
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document for each change.")] = False,
) -> None:
    """Let the number of replicas follow the load until Ctrl-C, as `autoscale` in seaway.yaml says.

    Kubernetes has its HorizontalPodAutoscaler instead, and on the target `process` the deployment's monitor does it.
    """
    deployment = opened(file, environment, target)
    settings = deployment.description.autoscale
    scaling.check(deployment.description)
    terminal = Terminal(deployment.clock, as_json, yes=True)

    def changed(replicas: int, cause: str) -> None:
        if as_json:
            typer.echo(json.dumps({"replicas": replicas, "cause": cause}))

    scaler = scaling.autoscaler(deployment, _quietly(terminal), changed)
    with scaling.alone(deployment, "autoscale"), _stopping() as stop:
        terminal.tell(
            f"scaling {deployment.description.project} between {settings.min} and {settings.max}; Ctrl-C ends it"
        )
        scaler.run(stop, terminal.tell)


class _Teller:
    """Shows how a rollout is getting on: a line when something is new."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._told = ""

    def tell(self, rollout: Rollout, text: str) -> None:
        line = f"{rollout.now}: {text}" if rollout.is_under_way else f"{rollout.outcome}: {text}"
        if line != self._told:
            self._told = line
            self._terminal.tell(line)


def _controller(deployment: Deployment, terminal: Terminal, model: str) -> RolloutController:
    described = deployment.description.models.get(model)
    if described is None:
        raise NotFound(
            f"there is no model {model!r} in seaway.yaml; there are {', '.join(deployment.description.models)}"
        )

    def change(command: str, cause: str, alter: Alter) -> None:
        def altered(situation: Situation) -> Desired:
            now = _published(situation, model)
            return with_model(deployment.deployed(situation), alter(now))

        deployment.change(Intent(command, cause, altered), _quietly(terminal))

    measured = scaling.measurements(deployment)
    hands = Hands(deployment.site.state, deployment.site.target.reports, change, deployment.clock, measured)
    rules = Rules(deployment.description.rollout, described.objective, _keep(deployment, model))
    return RolloutController(hands, rules, model)


def _quietly(terminal: Terminal) -> Audience:
    """Return an audience that was asked already, and is told what is done."""

    def agree(plan: Plan) -> bool:
        terminal.follow(plan)
        for line in plan.lines():
            terminal.tell(f"  {line}")
        return True

    return Audience(agree, terminal.audience().watch)


def _keep(deployment: Deployment, model: str) -> Keep:
    policy = deployment.description.models[model].versions

    def keep(live: int) -> tuple[int, ...]:
        in_store = look(deployment.description, deployment.base)[model]
        loaded = loaded_versions(model, policy, in_store, live)
        return tuple(sorted({*loaded, live}))

    return keep


def _checked(deployment: Deployment, model: str, version: int) -> int:
    """Return the version that is live now, provided that another one can take over from it."""
    now = _published(deployment.situation(), model)
    live = live_version(now)
    _check_in_store(deployment, model, version)
    if version == live:
        raise FailedPrecondition(f"version {version} of {model!r} is live already")
    return live


def _check_in_store(deployment: Deployment, model: str, version: int) -> None:
    in_store = look(deployment.description, deployment.base).get(model, ())
    if version not in in_store:
        listed = ", ".join(map(str, in_store)) or "none"
        raise NotFound(f"the store has no version {version} of {model!r}; it has {listed}")


def _agreed(deployment: Deployment, terminal: Terminal, move: tuple[str, int, int]) -> bool:
    model, live, version = move
    terminal.tell(f"{model}: {live} → {version}")
    for stage in stages(deployment.description.rollout):
        terminal.tell(f"  {stage}, at least {stage.seconds:g} s")
    terminal.tell("  done; a broken objective takes everything back")
    return terminal.confirm()


def _published(situation: Situation, model: str) -> PublishedModel:
    found = situation.published.model(model) if situation.published is not None else None
    if found is None:
        raise FailedPrecondition(f"{model!r} is not served yet; `seaway deploy` does that")
    return found


def _version_before(situation: Situation, now: PublishedModel) -> int:
    live = live_version(now)
    for entry in reversed(situation.entries):
        if entry.outcome != "done" or entry.desired is None:
            continue
        found = entry.desired.published.model(now.name)
        if found is not None and live_version(found) != live:
            return live_version(found)
    raise FailedPrecondition(
        f"{now.name!r} has had no other version than {live}; name one: `seaway rollback {now.name} N`"
    )


def _servers_before(situation: Situation) -> Desired:
    before, newest = history.previous_deployment(situation.entries), history.newest_done(situation.entries)
    if before is None or before.desired is None or newest is None or newest.desired is None:
        raise FailedPrecondition(
            "the servers have never been made of anything else; `seaway history` shows all changes"
        )
    published = situation.published or newest.desired.published
    # What is served, how many replicas there are and what looks at them is another matter, and stays.
    return structs.replace(
        before.desired,
        published=published,
        replicas=newest.desired.replicas,
        monitor=newest.desired.monitor,
        leaves_monitor=True,
    )


def _finish(ended: Rollout, terminal: Terminal, as_json: bool) -> None:
    if ended.is_under_way:
        terminal.tell(
            f"{ended.model} stays at {ended.now}: `seaway rollout {ended.model} --resume` goes on, "
            f"`seaway rollback {ended.model}` goes back"
        )
    if as_json:
        print_json(structs.replace(ended, baseline=()))
    if ended.outcome == "rolled back":
        raise typer.Exit(FAILED)


def _finish_by_hand(ended: Rollout, terminal: Terminal, as_json: bool) -> None:
    terminal.tell(f"{ended.model} is back at {ended.live}")
    if as_json:
        print_json(structs.replace(ended, baseline=()))


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """Have Ctrl-C and SIGTERM end a loop between two steps; a second one interrupts the step."""
    stop = threading.Event()

    def on_signal(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
