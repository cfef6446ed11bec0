"""A deployment on a target that is made of data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from msgspec import structs

from seaway.deploy import history
from seaway.deploy.deployment import Audience, Deployment, Intent, Situation
from seaway.deploy.description.schema import Description, Model
from seaway.deploy.desired import Desired
from seaway.deploy.executor import Watch
from seaway.deploy.observed import Observed
from seaway.deploy.operations import AnyOperation, Publish
from seaway.deploy.plan import Plan
from seaway.deploy.publication import publish
from seaway.deploy.reconcile import reconcile, teardown
from seaway.deploy.site import Site
from seaway.deploy.state import StateDirectory
from seaway.deploy.target import Tell
from seaway.fleet.report import Report
from tests.support.fakes import FakeClock
from tests.support.simulated_deployment import SimulatedTarget


class FakeTarget:
    """Does what it is told to data, writes decisions where a real one does, and fails where a test says so."""

    def __init__(self, state: StateDirectory) -> None:
        self.state = state
        self.simulated = SimulatedTarget()
        self.applied: list[AnyOperation] = []
        self.failure: Callable[[AnyOperation], BaseException | None] = lambda _: None

    def observe(self) -> Observed:
        return self.simulated.observed

    def apply(self, operation: AnyOperation, tell: Tell) -> None:
        tell(f"applying {type(operation).__name__}")
        self.applied.append(operation)
        failure = self.failure(operation)
        if failure is not None:
            raise failure
        if isinstance(operation, Publish):
            publish(self.state, lambda: (), structs.replace(operation, wait=()), FakeClock(), tell)
        self.simulated.apply(operation)

    def reports(self) -> tuple[Report, ...]:
        return ()

    def logs(self, replica: str, follow: bool, tail: int) -> Iterator[str]:
        raise AssertionError("no test here reads logs")

    def execute(self, replica: str, command: Sequence[str]) -> int:
        raise AssertionError("no test here runs commands")


class World:
    """A store with version 1 of a model, a description of it, and a target without engine."""

    def __init__(self, directory: Path) -> None:
        (directory / "models" / "mnist" / "1").mkdir(parents=True)
        self.directory = directory
        self.description = Description(project="digits", store="models", models={"mnist": Model()})
        self.state = StateDirectory(directory / "models" / ".seaway" / "digits")
        self.target = FakeTarget(self.state)
        self.shown: list[str] = []
        self.agrees = True
        self.lacks = ""

    @property
    def deployment(self) -> Deployment:
        site = Site(self.target, self.state, reconcile, teardown)
        return Deployment(self.description, self.directory, site, FakeClock(), "ann@desk", monitor_lacks=self.lacks)

    def deploy(self) -> Plan:
        deployment = self.deployment
        return self.change("deploy", deployment.described)

    def change(self, command: str, desired: Callable[[Situation], Desired] | None) -> Plan:
        return self.deployment.change(Intent(command, "a test asks", desired), self.audience()).plan

    def audience(self) -> Audience:
        def agree(plan: Plan) -> bool:
            self.shown = list(plan.lines())
            return self.agrees

        return Audience(agree, Watch(lambda *_: None, lambda *_: None, lambda _: None))

    def history(self) -> tuple[history.Entry, ...]:
        return history.read(self.state)

    def with_server(self, **changes: object) -> None:
        server = structs.replace(self.description.server, **changes)
        self.description = structs.replace(self.description, server=server)
