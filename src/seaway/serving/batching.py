"""Which rules each version's requests are joined by, and how they change while it is loaded."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from seaway._core import Plane, StatusError
from seaway.clock import Clock
from seaway.errors import SeawayError
from seaway.serving.served import ServedVersions
from seaway.settings.batching import Batching
from seaway.settings.batching_parameters import MODEL_FILE, OFF, Rules, natural_rules, read_batching_parameters

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BatchingRules:
    """Finds the rules of a version: its own file's, the common file's, or natural batching."""

    settings: Batching
    cores: int

    def rules(self, model: str, path: Path) -> Rules:
        """Return the rules as the plane reads them.

        Raises:  InvalidArgument - the file that applies cannot be used.
        """
        if not self.settings.enabled or model in self.settings.except_models:
            return OFF
        if self.settings.per_model_parameters:
            own = path / MODEL_FILE
            return read_batching_parameters(str(own), MODEL_FILE, self.cores) if own.is_file() else OFF
        if self.settings.parameters_file:
            return read_batching_parameters(self.settings.parameters_file, "batching.parameters_file", self.cores)
        return natural_rules(self.settings)


class BatchingPoller:
    """Reads the files again, and gives changed rules to versions that are loaded; a broken file changes nothing."""

    def __init__(self, plane: Plane, served: ServedVersions, rules: BatchingRules) -> None:
        """Nothing was changed yet."""
        self._plane = plane
        self._served = served
        self._rules = rules
        self._given: dict[int, Rules] = {}
        self._complaints: dict[int, str] = {}

    def run(self, wait_s: float, stop: threading.Event, clock: Clock) -> None:
        """Look every `wait_s` seconds until told to stop."""
        while not clock.wait(stop, wait_s):
            try:
                self.look()
            except Exception:
                log.exception("reading the batching parameters again failed unexpectedly")

    def look(self) -> None:
        """Look at the files of every loaded version once."""
        versions = self._served.all()
        channels = {version.channel for version in versions}
        self._given = {channel: rules for channel, rules in self._given.items() if channel in channels}
        for version in versions:
            before = self._given.get(version.channel, version.rules)
            try:
                rules = self._rules.rules(version.id.name, version.path)
                if rules != before:
                    self._plane.set_batching(version.channel, json.dumps(rules))
                    log.info("%s: batching parameters changed to %s", version.id, json.dumps(rules))
                self._given[version.channel] = rules
                self._complaints.pop(version.channel, None)
            except (SeawayError, StatusError) as err:
                if self._complaints.get(version.channel) != err.message:
                    log.error("%s keeps its batching parameters: %s", version.id, err.message)
                self._complaints[version.channel] = err.message
