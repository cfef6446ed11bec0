"""The parts of following joined, and the threads they run in."""

from __future__ import annotations

import logging
import socket
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from seaway._core import Plane
from seaway.clock import Clock
from seaway.fleet.report import DIRECTORY
from seaway.repository.model_repository import ModelRepository
from seaway.repository.snapshot import RepositoryView
from seaway.serving.batching import BatchingAdmin
from seaway.serving.follow.decision import DecisionFile
from seaway.serving.follow.follower import Follower, Hands
from seaway.serving.follow.model_configs import Places
from seaway.serving.follow.report import Reporter, ReportFile, Sources
from seaway.serving.served import ServedVersions
from seaway.settings.follow import Follow

log = logging.getLogger(__name__)

_LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Following:
    """A server that follows."""

    follow: Follow
    replica: str
    follower: Follower
    reporter: Reporter
    file: ReportFile
    clock: Clock

    def start(self, ended: threading.Event) -> None:
        """Follow and report until the event is set."""
        follow = partial(self.follower.run, self.follow.poll_s, ended)
        report = partial(self.reporter.run, self.follow.report_interval_s, ended)
        for name, work in (("follow", follow), ("report", report)):
            threading.Thread(target=work, name=name, daemon=True).start()

    def wait_until_served(self, ended: threading.Event) -> bool:
        """Wait until all that the decision asks for is served; False when the server ends before that."""
        told = ""
        while not ended.is_set():
            followed = self.follower.followed()
            if followed.generation and followed.standing.is_applied:
                return True
            if followed.standing.problem != told:
                told = followed.standing.problem
                log.error("not ready: %s", told)
            self.clock.wait(ended, _LOOK_S)
        return False

    def stop(self) -> None:
        """Take the report away."""
        self.reporter.wake()
        self.file.remove()


def following(
    follow: Follow,
    plane: Plane,
    repository: ModelRepository,
    parts: tuple[ServedVersions, BatchingAdmin, Path],
    clock: Clock,
) -> Following:
    """Join the parts, and where the logs of requests lie; nothing runs yet."""
    served, batching, logs = parts
    replica = follow.replica or socket.gethostname()
    directory = Path(follow.directory)

    def switch(model: str, engine: str) -> None:
        for each in served.all():
            if each.id.name == model and each.engine != engine:
                each.switch(engine)

    hands = Hands(repository.apply, repository.view, batching.set_by_call, batching.forget_call, switch)
    follower = Follower(replica, Places(follow.store, logs), DecisionFile(directory), hands, clock)
    file = ReportFile(Path(follow.reports) if follow.reports else directory / DIRECTORY, replica)

    def show(report: str) -> None:
        plane.set_report(report)
        file.write(report)

    sources = Sources(follower.followed, repository.view, served.loaded, plane.measurements)
    reporter = Reporter(replica, sources, show, clock)

    def on_view(_: RepositoryView) -> None:
        reporter.wake()

    repository.subscribe(on_view)
    return Following(follow, replica, follower, reporter, file, clock)
