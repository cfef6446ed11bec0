"""The monitor of a deployment by containers: one more container, with no more rights than a replica.

It finds the replicas by their reports in the state, which it may only read, and reaches them by their names on the
deployment's network. The engine's socket is not given to it: whoever has that has the machine.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from docker.models.containers import Container

from seaway.clock import Clock
from seaway.deploy.desired import MonitorSpec
from seaway.deploy.observed import ObservedMonitor
from seaway.deploy.target import Tell
from seaway.deploy.targets.containers import DIGEST_LABEL, PLACE_LABEL, USER, secret_file
from seaway.deploy.targets.docker import making
from seaway.deploy.targets.docker.engine import Engine, archive
from seaway.deploy.targets.docker.judgement import has_ended, health_of, last_words, state_of, why_ended
from seaway.deploy.targets.docker.settings import monitor_name, monitor_secrets_volume, monitor_settings
from seaway.errors import DeadlineExceeded, FailedPrecondition
from seaway.settings.secret import Secret

_POLL_S = 0.3
_STOP_S = 10


class MonitorContainer:
    """The monitor of one deployment."""

    def __init__(self, project: str, engine: Engine, secrets: Mapping[str, Secret], clock: Clock) -> None:
        """Ask nothing yet."""
        self._project = project
        self._engine = engine
        self._secrets = secrets
        self._clock = clock

    def observed(self) -> ObservedMonitor | None:
        """Return what there is."""
        container = self._find()
        if container is None:
            return None
        why = trouble(container.attrs)
        labels = container.labels
        return ObservedMonitor(labels.get(DIGEST_LABEL, ""), not why, why, labels.get(PLACE_LABEL, ""))

    def start(self, spec: MonitorSpec, timeout_s: float, tell: Tell) -> None:
        """Run a monitor in place of one that is there, and wait until it answers.

        Raises:  FailedPrecondition - it ends, or cannot be started; DeadlineExceeded - it does not answer in time.
        """
        self._engine.require_image(spec.image)
        self.stop()
        if spec.secrets:
            files = {each.name: secret_file(each.name, self._secrets) for each in spec.secrets}
            volume = monitor_secrets_volume(self._project)
            making.write_secrets(self._engine, self._project, spec.image, volume, archive(files, USER, 0o400))
        making.run(self._engine, monitor_settings(self._project, spec))
        tell("waiting until it answers")
        self._wait_until_it_answers(timeout_s)

    def stop(self) -> None:
        """End it; nothing happens when there is none. What it has kept stays."""
        container = self._find()
        if container is not None:
            container.stop(timeout=_STOP_S)
        making.remove(container)
        making.remove_volume(self._engine, monitor_secrets_volume(self._project))

    def _wait_until_it_answers(self, timeout_s: float) -> None:
        end = self._clock.now() + timeout_s
        while True:
            container = self._find()
            if container is None:
                raise FailedPrecondition("its container was removed by somebody else")
            if has_ended(container):
                raise FailedPrecondition(f"it has ended: {why_ended(container.attrs)}: {last_words(container)}")
            if health_of(container.attrs) == "healthy":
                return
            if self._clock.now() >= end:
                raise DeadlineExceeded(
                    f"it did not answer within {timeout_s:g} s; its log ends: {last_words(container)}"
                )
            self._clock.wait(threading.Event(), _POLL_S)

    def _find(self) -> Container | None:
        return self._engine.container(monitor_name(self._project))


def trouble(attrs: Mapping[str, object]) -> str:
    """Return why a monitor does not run, empty where it does. Pure."""
    status = state_of(attrs).get("Status")
    if status == "restarting":
        return f"it ends again and again: {why_ended(attrs)}"
    if status != "running":
        return why_ended(attrs) if status in {"exited", "dead"} else f"its container is {status}"
    return "its health check fails" if health_of(attrs) == "unhealthy" else ""
