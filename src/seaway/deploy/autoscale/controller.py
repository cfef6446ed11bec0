"""Looks at the load again and again and has the number of replicas changed. It decides nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from seaway.clock import Clock
from seaway.deploy.autoscale.decision import Wanted, decide
from seaway.deploy.autoscale.sample import Sample, answered, sample
from seaway.deploy.description.schema import Autoscale
from seaway.deploy.measurements import Measurements, Unmeasured
from seaway.errors import SeawayError
from seaway.fleet.report import Report

LOOK_S = 1.0


@dataclass(frozen=True, slots=True)
class Hands:
    """What the controller does things with. `scale` changes the number of replicas, with a cause.

    `measurements` are asked for `metric: query` only.
    """

    reports: Callable[[], tuple[Report, ...]]
    replicas: Callable[[], int]
    scale: Callable[[int, str], None]
    clock: Clock
    measurements: Measurements = field(default_factory=Unmeasured)


class Autoscaler:
    """Remembers the load of as long as the windows are."""

    def __init__(self, hands: Hands, settings: Autoscale, cpu: float) -> None:
        """Nothing was seen yet."""
        self._hands = hands
        self._settings = settings
        self._cpu = cpu
        self._before: tuple[Report, ...] = ()
        self._samples: list[Sample] = []

    def tick(self) -> tuple[int, Wanted]:
        """Look once; return how many replicas there were, and what was wanted and brought about.

        Raises:  SeawayError - the engine cannot be asked, or the number could not be changed.
        """
        reports = self._hands.reports()
        found = self._sample(reports)
        self._before = reports
        if found is not None and (not self._samples or found.at > self._samples[-1].at):
            self._samples.append(found)
        self._forget()
        replicas = self._hands.replicas()
        wanted = decide(self._samples, replicas, self._settings)
        if wanted.replicas != replicas:
            self._hands.scale(wanted.replicas, wanted.reason)
            # What was measured with another number of replicas says nothing of this one.
            self._samples.clear()
        return replicas, wanted

    def run(self, stop: threading.Event, tell: Callable[[str], None]) -> None:
        """Look until told to stop; what fails is told and tried again."""
        told = ""
        while not stop.is_set():
            try:
                replicas, wanted = self.tick()
                line = f"{replicas} → {wanted.replicas}: {wanted.reason}" if wanted.replicas != replicas else ""
            except SeawayError as err:
                line = f"cannot scale now: {err.message}"
            if line and line != told:
                tell(line)
            told = line
            self._hands.clock.wait(stop, LOOK_S)

    def _sample(self, reports: tuple[Report, ...]) -> Sample | None:
        if self._settings.metric == "query":
            values = self._hands.measurements.values(self._settings.query)
            return answered(values, self._hands.clock.wall(), len(reports))
        return sample(self._settings.metric, self._cpu, self._before, reports)

    def _forget(self) -> None:
        if not self._samples:
            return
        longest = max(self._settings.up_window_s, self._settings.down_window_s)
        oldest = self._samples[-1].at - longest
        # One from before the window shows that the window is full.
        while len(self._samples) > 1 and self._samples[1].at <= oldest:
            self._samples.pop(0)
