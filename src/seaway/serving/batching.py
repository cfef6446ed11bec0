"""Which rules each version's requests are joined by, and how they change while it is loaded.

    the settings and files say   →  rules of a version when it is loaded; a file that changes gives new ones
    an admin call says           →  rules of a model's versions, loaded now or later, until a file of theirs changes

A version that was loaded with batching off has not been proven; it is when batching is switched on.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seaway import errors
from seaway._core import Plane, StatusError
from seaway.clock import Clock
from seaway.engines.signatures import is_internal
from seaway.errors import SeawayError
from seaway.proof.warmup import read_warmup_records
from seaway.repository.ids import ServableId
from seaway.serving.served import Joining, Served, ServedVersions
from seaway.settings.batching import Batching
from seaway.settings.batching_parameters import (
    MODEL_FILE,
    OFF,
    Rules,
    natural_rules,
    parse_batching_parameters,
    read_batching_parameters,
)

log = logging.getLogger(__name__)

Proofs = dict[str, "str | None"]
_PROOF_TIMEOUT_S = 30.0


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


def prove_batching(plane: Plane, channel: int, id_: ServableId, path: Path) -> Proofs:
    """Find out which signatures of a loaded version may have requests joined, and allow it there.

    Returns for each signature that can be called None, or why its requests run by themselves.

    Raises:  SeawayError - the channel is closed.
    """
    try:
        records = read_warmup_records(path)
    except (SeawayError, OSError) as err:  # told by the warm-up, unless that is off
        log.debug("%s: the proof goes without warm-up records: %s", id_, err)
        records = []
    try:
        proven: Proofs = json.loads(plane.prove_batching(channel, records, _PROOF_TIMEOUT_S))
    except StatusError as err:
        raise errors.from_code(err.code, err.message) from err
    proofs = {name: why_not for name, why_not in proven.items() if not is_internal(name)}
    for name, why_not in proofs.items():
        if why_not is not None:
            log.info("%s: requests for signature %r run by themselves: %s", id_, name, why_not)
    return proofs


class BatchingAdmin:
    """Gives rules to versions that are loaded, and remembers what admin calls said of a model."""

    def __init__(self, plane: Plane, served: ServedVersions, settings: Batching, changed: Callable[[], None]) -> None:
        """No call has come; `changed` is called when what the list of models shows may have changed."""
        self._plane = plane
        self._served = served
        self._natural = natural_rules(settings)
        self._changed = changed
        self._lock = threading.Lock()
        self._by_call: dict[str, Rules] = {}

    def rules(self, model: str, configured: Rules) -> Rules:
        """Return the rules of a model: what a call said, else what is configured."""
        return self._by_call.get(model, configured)

    def set_by_call(self, model: str, parameters: str) -> None:
        """Take the JSON of an admin call, for the versions that are loaded and for those to come.

        Raises:  InvalidArgument - the parameters cannot be used; nothing has changed then.
        """
        rules = parse_batching_parameters(parameters, f"batching parameters of model {model!r}", self._natural)
        with self._lock:
            self._by_call[model] = rules
            for served in self._served.all():
                if served.id.name == model:
                    self._give(served, rules)
        log.info("model %r: batching parameters set by a call to %s", model, json.dumps(rules))
        self._changed()

    def forget_call(self, model: str) -> None:
        """Have a model's files and settings count again, for the versions that are loaded too."""
        with self._lock:
            if self._by_call.pop(model, None) is None:
                return
            for served in self._served.all():
                if served.id.name == model:
                    self._give(served, served.rules)
        self._changed()

    def set_by_file(self, served: Served, rules: Rules) -> None:
        """Give a version what its file says now, which ends what a call said of its model.

        Raises:  SeawayError - the plane refuses the rules.
        """
        with self._lock:
            self._by_call.pop(served.id.name, None)
            self._give(served, rules)
        self._changed()

    def enter(self, served: Served, given: Rules) -> None:
        """Add a version that was loaded with these rules; a call that came meanwhile counts for it too."""
        with self._lock:
            rules = self._by_call.get(served.id.name, given)
            if rules != given:
                self._give(served, rules)
            self._served.add(served)

    def _give(self, served: Served, rules: Rules) -> None:
        try:
            self._plane.set_batching(served.channel, json.dumps(rules))
        except StatusError as err:
            if err.code == errors.NotFound.code:  # it was unloaded meanwhile
                return
            raise errors.from_code(err.code, err.message) from err
        proofs = self._served.joining(served).proofs
        if rules["enabled"] and not proofs:
            proofs = prove_batching(self._plane, served.channel, served.id, served.path)
        self._served.note_joining(served, Joining(rules["enabled"], proofs))


class BatchingPoller:
    """Reads the files again, and gives changed rules to versions that are loaded; a broken file changes nothing."""

    def __init__(self, served: ServedVersions, rules: BatchingRules, admin: BatchingAdmin) -> None:
        """Nothing was changed yet."""
        self._served = served
        self._rules = rules
        self._admin = admin
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
                    self._admin.set_by_file(version, rules)
                    log.info("%s: batching parameters changed to %s", version.id, json.dumps(rules))
                self._given[version.channel] = rules
                self._complaints.pop(version.channel, None)
            except SeawayError as err:
                if self._complaints.get(version.channel) != err.message:
                    log.error("%s keeps its batching parameters: %s", version.id, err.message)
                self._complaints[version.channel] = err.message
