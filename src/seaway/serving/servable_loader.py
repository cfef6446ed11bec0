"""Serves one version: brings it up on an engine, changes the engine under it, and takes it out again.

    plan → bring up (the next engine where one fails) → (AVAILABLE)
    … switch: bring up beside → publish → drain the old one
    … unload: drain → give back

What a bring-up comprises is `instance.py`; which engine, `engine_plan.py`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from seaway import errors
from seaway._core import Plane
from seaway.repository.loader import OnFailure
from seaway.repository.source import AspiredVersion
from seaway.serving.batching import BatchingAdmin, BatchingRules
from seaway.serving.engine_plan import EnginePlans
from seaway.serving.instance import Brought, Instance, Place
from seaway.serving.proving import asker, prove
from seaway.serving.served import Served, ServedVersions
from seaway.serving.workers import Workers
from seaway.settings.batching_parameters import Rules
from seaway.settings.models import Proof

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Site:
    """The parts of the server that a load works on."""

    plane: Plane
    workers: Workers
    served: ServedVersions
    batching: BatchingRules
    batching_admin: BatchingAdmin
    engines: EnginePlans
    publish: Callable[[], None]
    """Has the plane's routes follow what is served; has done so when it returns."""
    proof: Proof = "require"
    """What becomes of a version whose recorded answers do not come out again."""


class ServableLoader:
    """One attempt to serve one version; see `seaway.repository.loader.Loader` for the contract."""

    def __init__(self, site: Site, version: AspiredVersion, on_failure: OnFailure) -> None:
        """Begin nothing yet."""
        self._site = site
        self._version = version
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._coming: set[Instance] = set()
        self._instance: Instance | None = None
        self._served: Served | None = None

    def load(self) -> None:
        """Return when the version can answer: on the first engine of its plan that takes it.

        Raises:  SeawayError - of the first engine when none does; everything of the attempt is given back.
        """
        rules = self._site.batching.rules(self._version.id.name, self._version.path)
        first: errors.SeawayError | None = None
        plan = self._site.engines.plan(self._version)
        for engine in plan.engines:
            try:
                self._serve_on(engine, rules, is_unproven=plan.is_unproven)
            except errors.Cancelled:
                raise
            except errors.SeawayError as err:
                log.warning("%s cannot be loaded on %s: %s", self._version.id, engine, err.message)
                first = first or err
            else:
                return
        assert first is not None, "a plan names an engine"
        raise first

    def unload(self) -> None:
        """Let requests finish within the bound, then give everything back."""
        with self._lock:
            self._is_cancelled = True
            instance, served = self._instance, self._served
            self._instance = self._served = None
            coming = tuple(self._coming)
        for each in coming:
            each.give_back(drain_s=0.0)
        if instance is not None:
            instance.give_back(self._site.engines.drain_timeout_s)
        if served is not None:
            self._site.served.remove(served)

    def switch(self, engine: str) -> None:
        """Have another engine answer for the version, which goes on answering throughout.

        Raises:  SeawayError - the engine does not take the version; the one before stays. Cancelled - the version was
                 unloaded, or its worker died, meanwhile.
        """
        rules = self._site.batching.rules(self._version.id.name, self._version.path)
        before = self._instance
        if before is None:
            raise errors.Cancelled(f"{self._version.id} is no longer served")
        self._serve_on(engine, rules, instead_of=before)
        self._site.publish()
        before.give_back(self._site.engines.drain_timeout_s)

    def _serve_on(
        self, engine: str, configured: Rules, instead_of: Instance | None = None, *, is_unproven: bool = False
    ) -> None:
        instance = self._new_instance(engine)
        try:
            rules = self._site.batching_admin.rules(self._version.id.name, configured)
            brought = instance.bring_up(rules)
            ask = asker(self._site.plane, brought.channel)
            proof = prove(self._site.proof, ask, self._version.path, is_stand_in=is_unproven)
            served = replace(self._served_as(instance, brought, configured, proof), is_stand_in=is_unproven)
            with self._lock:
                if self._is_cancelled or self._instance is not instead_of:
                    raise errors.Cancelled(f"{self._version.id} is no longer wanted")
                self._site.batching_admin.enter(served, rules)
                self._instance, self._served = instance, served
            if instance.lost is not None:  # between the last step and this one, when nobody was to be told
                self._on_lost(instance, instance.lost)
        except BaseException:
            instance.give_back(drain_s=0.0)
            raise
        finally:
            with self._lock:
                self._coming.discard(instance)

    def _new_instance(self, engine: str) -> Instance:
        site, options = self._site, self._site.engines.options(engine)
        place = Place(site.plane, site.workers, self._version.id, self._version.path)
        instance = Instance(place, options, self._on_lost)
        with self._lock:
            if self._is_cancelled:
                raise errors.Cancelled(f"{self._version.id} is no longer wanted")
            self._coming.add(instance)
        return instance

    def _served_as(self, instance: Instance, brought: Brought, configured: Rules, proof: str) -> Served:
        return Served(
            version=self._version,
            channel=brought.channel,
            worker=brought.worker,
            is_shared=self._site.workers.is_shared,
            engine=instance.engine,
            load_seconds=brought.seconds,
            rules=configured,
            batching=brought.batching,
            on_lost=partial(self._on_lost, instance),
            switch=self.switch,
            proof=proof,
        )

    def _on_lost(self, instance: Instance, error: errors.SeawayError) -> None:
        with self._lock:
            is_current = instance is self._instance
        if is_current:
            self._site.engines.died(self._version, instance.engine, error)
            self._on_failure(error)
