"""Brings about what the decision says, generation after generation.

A thread looks at the file; a new generation is begun at this replica's own moment and handed to the repository, which
does the rest. A change that needs no load (traffic, labels, batching) is in force at once.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from seaway.clock import Clock
from seaway.engines.choice import AUTO
from seaway.errors import SeawayError
from seaway.fleet.published import Generation, Published
from seaway.repository.snapshot import RepositoryView
from seaway.serving.follow.decision import DecisionFile
from seaway.serving.follow.model_configs import Places, begins_after_s, model_configs
from seaway.serving.follow.standing import Standing, standing
from seaway.settings.model_config import ModelList

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hands:
    """What the follower does things with."""

    apply: Callable[[ModelList], object]
    """Replaces the set of models, at once."""
    view: Callable[[], RepositoryView]
    set_batching: Callable[[str, str], None]
    """Gives a model batching parameters, as JSON."""
    forget_batching: Callable[[str], None]
    switch_engine: Callable[[str, str], None]
    """Moves the loaded versions of a model to an engine."""


@dataclass(frozen=True, slots=True)
class Followed:
    """The generation that is followed, 0 for none yet, and how far that has come."""

    generation: int
    standing: Standing


class Follower:
    """Follows the decision for one replica."""

    def __init__(self, replica: str, places: Places, file: DecisionFile, hands: Hands, clock: Clock) -> None:
        """Follow nothing yet."""
        self._replica = replica
        self._places = places
        self._file = file
        self._hands = hands
        self._clock = clock
        self._next: Generation | None = None
        self._begins_s = 0.0
        self._generation = 0
        self._published = Published()
        self._wanted = ModelList()
        self._trouble = ""
        self._batched: Mapping[str, str] = {}
        self._lock = threading.Lock()

    def run(self, poll_s: float, stop: threading.Event) -> None:
        """Look every `poll_s` seconds until told to stop, the first time at once."""
        while True:
            try:
                self.look()
            except Exception:
                log.exception("following the decision failed unexpectedly")
            if self._clock.wait(stop, poll_s):
                return

    def look(self) -> None:
        """Look once; begin a generation whose moment has come."""
        read = self._file.read_if_changed()
        now = self._clock.now()
        if read is not None:
            pause_s = begins_after_s(self._replica, read.stagger_s) if self._generation else 0.0
            self._next, self._begins_s = read, now + pause_s
        if self._next is not None and now >= self._begins_s:
            generation, self._next = self._next, None
            self._begin(generation)

    def followed(self) -> Followed:
        """Return what is followed and how far that is."""
        with self._lock:
            generation, wanted, trouble = self._generation, self._wanted, self._trouble
        found = standing(wanted, self._hands.view())
        if trouble:
            found = Standing(is_applied=False, problem=trouble)
        return Followed(generation, found)

    def _begin(self, generation: Generation) -> None:
        published = generation.followed_by(self._replica)
        wanted = model_configs(published, self._places)
        for problem in wanted.problems:
            log.error("%s", problem.error.message)
        before, self._published = self._published, published
        with self._lock:
            self._wanted, self._trouble = wanted, ""
            self._hands.apply(wanted)
            self._generation = generation.generation
        log.info("following generation %d: %d models", generation.generation, len(wanted.models))
        try:
            self._set_batching(published)
            self._switch_engines(before, published)
        except SeawayError as err:
            log.error("generation %d cannot be followed as a whole: %s", generation.generation, err.message)
            with self._lock:
                self._trouble = err.message

    def _set_batching(self, published: Published) -> None:
        batched = {model.name: json.dumps(model.batching) for model in published.models if model.batching}
        for name in set(self._batched) - set(batched):
            self._hands.forget_batching(name)
        for name, parameters in batched.items():
            if self._batched.get(name) != parameters:
                self._hands.set_batching(name, parameters)
        self._batched = batched

    def _switch_engines(self, before: Published, after: Published) -> None:
        for model in after.models:
            known = before.model(model.name)
            # `auto` needs no hand: it moves a model by itself.
            if known is not None and known.engine != model.engine and model.engine not in {"", AUTO}:
                self._hands.switch_engine(model.name, model.engine)
