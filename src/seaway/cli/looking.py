"""What `seaway monitor` looks at, put together from its options: servers, what is known beside them, who can act.

It joins the packages of deployments and of monitoring, which know nothing of each other. Those of deployments are
imported where they are asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from seaway.cli.acting import CommandActions, ElsewhereActions
from seaway.clock import Clock
from seaway.errors import InvalidArgument, SeawayError, Unavailable

if TYPE_CHECKING:
    from seaway.monitor.alerts.rule import Rule
    from seaway.monitor.collect.targets import Discovery
    from seaway.monitor.monitor import Chronicle, Source
    from seaway.monitor.page.actions import Actions
    from seaway.monitor.store.store import Event

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

_NOBODY = (
    "no server is named; `seaway monitor localhost:8501` looks at one, --deployment seaway.yaml at the replicas of a "
    "deployment, --dns NAME:PORT at what is behind a name, --docker at containers, --targets-file at what a file lists"
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that say what is looked at."""

    servers: Sequence[str] = ()
    targets_file: Path | None = None
    deployment: Path | None = None
    environment: str = ""
    target: str = ""
    state: Path | None = None
    dns: Sequence[str] = ()
    docker: bool = False
    prometheus: str = ""
    objectives: Sequence[str] = ()

    @property
    def names_nothing(self) -> bool:
        """Tell whether no server is named in any way."""
        named = (self.servers, self.targets_file, self.deployment, self.state, self.dns, self.docker, self.prometheus)
        return not any(named)


@dataclass(slots=True)
class Looking:
    """What came of it."""

    discoveries: list[Discovery] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    chronicles: list[Chronicle] = field(default_factory=list)
    rules: tuple[Rule, ...] = ()
    actions: Actions | None = None
    closing: ExitStack = field(default_factory=ExitStack)

    def discovery(self) -> Discovery:
        """Return what finds all servers."""
        from seaway.monitor.collect.targets import all_of  # noqa: PLC0415

        return all_of(self.discoveries) if self.discoveries else tuple

    def events(self, after: float, until: float) -> Sequence[Event]:
        """Return what others did to the servers within a time."""
        return list(chain.from_iterable(each(after, until) for each in self.chronicles))


def looking(asked: Asked, clock: Clock) -> Looking:
    """Return what is looked at.

    Raises:  InvalidArgument - options that do not go together, or none; what opening a deployment raises.
    """
    found = Looking()
    if asked.prometheus:
        _check_prometheus(asked)
    elif asked.names_nothing:
        raise InvalidArgument(_NOBODY)
    _add_named(found, asked)
    _add_deployment(found, asked)
    _add_state(found, asked, clock)
    found.rules += _promised(asked.objectives)
    return found


def told_once(source: Callable[P, Sequence[T]], what: str) -> Callable[P, Sequence[T]]:
    """Return a source that has nothing to say while it is not to be had; that is logged the first time."""
    problems: list[str] = []

    def ask(*moments: P.args, **named: P.kwargs) -> Sequence[T]:
        try:
            found = source(*moments, **named)
        except SeawayError as err:
            if not problems:
                problems.append(err.message)
                log.warning("going without %s: %s", what, err.message)
            return ()
        problems.clear()
        return found

    return ask


def _check_prometheus(asked: Asked) -> None:
    if asked.servers or asked.targets_file or asked.dns or asked.docker:
        raise InvalidArgument("--prometheus asks a server that scrapes by itself; name no others beside it")
    if not asked.prometheus.startswith(("http://", "https://")):
        raise InvalidArgument(f"--prometheus {asked.prometheus!r}: expected a URL, as in http://localhost:9090")


def _add_named(found: Looking, asked: Asked) -> None:
    from seaway.monitor.collect.targets import from_file, target  # noqa: PLC0415

    named = [target(address) for address in asked.servers]
    if named:
        found.discoveries.append(lambda: named)
    if asked.targets_file:
        found.discoveries.append(from_file(asked.targets_file))
    if asked.docker:
        _add_engine(found, "", finds=True)


def _add_deployment(found: Looking, asked: Asked) -> None:
    if asked.deployment is None:
        return
    from seaway.cli.deploy.options import opened  # noqa: PLC0415 - the packages of deployments may not be installed
    from seaway.cli.watched import WatchedDeployment  # noqa: PLC0415

    deployment = opened(asked.deployment, asked.environment, asked.target)
    watched = WatchedDeployment(deployment)
    if not asked.prometheus:
        found.discoveries.append(watched.targets)
    found.sources.append(watched.samples)
    found.chronicles.append(watched.events)
    found.rules += watched.rules()
    found.actions = CommandActions(asked.deployment, asked.environment, asked.target)
    if deployment.description.target == "docker" and not asked.docker:
        _add_engine(found, deployment.description.project, finds=False)


def _add_engine(found: Looking, project: str, finds: bool) -> None:
    """Take what a Docker engine knows; what finds servers there has to reach it, what only adds to that need not."""
    from seaway.monitor.collect.containers import Containers, engine  # noqa: PLC0415

    try:
        containers = Containers(engine(), project)
    except Unavailable as err:
        if finds:
            raise
        log.warning("going without what containers use: %s", err.message)
        return
    found.closing.callback(containers.close)
    if finds:
        found.discoveries.append(containers.targets)
    found.sources.append(told_once(containers.samples, "what containers use"))
    found.chronicles.append(told_once(containers.events, "what happens to containers"))


def _add_state(found: Looking, asked: Asked, clock: Clock) -> None:
    from seaway.monitor.collect.dns import addresses, from_dns  # noqa: PLC0415

    if asked.state is None:
        found.discoveries += [from_dns(place, addresses) for place in asked.dns]
        return
    from seaway.cli.reported import ReportedDeployment  # noqa: PLC0415

    reported = ReportedDeployment(asked.state, addresses, clock)
    # A name says which replicas run right now, and the reports what those are called.
    named = [from_dns(place, addresses, reported.names) for place in asked.dns]
    found.discoveries += named or [reported.targets]
    found.sources.append(reported.samples)
    found.chronicles.append(reported.events)
    found.actions = found.actions or ElsewhereActions()


def _promised(objectives: Sequence[str]) -> tuple[Rule, ...]:
    from seaway.monitor.alerts.objectives import Promise, objective_rules  # noqa: PLC0415

    return objective_rules([Promise(**_promise(text)) for text in objectives])


def _promise(text: str) -> dict[str, Any]:
    """Read `MODEL:error_rate=0.01,p99_ms=50,memory=1073741824`."""
    model, colon, rest = text.rpartition(":")
    values = dict(part.partition("=")[::2] for part in rest.split(","))
    try:
        p99 = float(values.pop("p99_ms")) / 1000 if "p99_ms" in values else None
        memory = int(values.pop("memory")) if "memory" in values else None
        rate = float(values.pop("error_rate"))
    except (KeyError, ValueError):
        colon = ""
    if not colon or not model or values:
        raise InvalidArgument(
            f"--objective {text!r}: expected MODEL:error_rate=0.01, and after that ,p99_ms=50 and ,memory=BYTES"
        )
    return {"model": model, "error_rate": rate, "p99_s": p99, "memory_bytes": memory}
