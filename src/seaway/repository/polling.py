"""Looks at every model's directory again and again, each model for itself.

A look runs on the executor and may hang (a network share that went away): then only its own model is not looked at.
Like the manager this is a step function without a thread: `tick` begins the looks that are due and takes the answers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeAlias

from seaway import errors
from seaway.clock import Clock
from seaway.repository.absence import absence
from seaway.repository.executor import Executor
from seaway.repository.options import SourceOptions
from seaway.repository.source import Look, Source
from seaway.settings.model_config import ModelConfig

log = logging.getLogger(__name__)

OnLook: TypeAlias = Callable[[ModelConfig, Look], None]


@dataclass(slots=True)
class Watched:
    """One model that is looked at."""

    config: ModelConfig
    due_s: float | None
    is_looking: bool = False
    is_looked_at: bool = False
    problem: errors.SeawayError | None = None


class Poller:
    """Keeps the schedule of looks. For one thread; only the looks themselves run elsewhere."""

    def __init__(self, source: Source, options: SourceOptions, executor: Executor, clock: Clock) -> None:
        """Watch nothing yet."""
        self._source = source
        self._options = options
        self._executor = executor
        self._clock = clock
        self._watched: dict[str, Watched] = {}
        self._answers: SimpleQueue[tuple[Watched, Look]] = SimpleQueue()

    def watch(self, models: Sequence[ModelConfig]) -> list[str]:
        """Watch exactly these models from now on; return the names of those that are watched no more."""
        now = self._clock.now()
        before, self._watched = self._watched, {}
        for model in models:
            known = before.get(model.name)
            due_s = now if self._options.file_system_poll_wait_s >= 0 else None
            self._watched[model.name] = known if known and known.config == model else Watched(model, due_s)
        gone = sorted(set(before) - set(self._watched))
        for name in gone:
            self._source.forget(name)
        return gone

    def watched(self) -> dict[str, Watched]:
        """Return what is watched, by name."""
        return self._watched

    def tick(self, on_look: OnLook, wake: Callable[[], None]) -> float | None:
        """Take the answers, begin the looks that are due; return the seconds until the next one, None when none is."""
        now = self._clock.now()
        for watched in self._watched.values():
            if watched.due_s is not None and watched.due_s <= now and not watched.is_looking:
                watched.is_looking, watched.due_s = True, None
                work = partial(self._look, watched, wake)
                self._executor.submit(f"look {watched.config.name}", work)
        self._take_answers(on_look)
        ahead = [watched.due_s for watched in self._watched.values() if watched.due_s is not None]
        return max(0.0, min(ahead) - now) if ahead else None

    def _look(self, watched: Watched, wake: Callable[[], None]) -> None:
        try:
            look = self._source.look(watched.config)
        except Exception as err:
            log.exception("looking at model %r failed unexpectedly", watched.config.name)
            look = Look(None, problem=errors.Internal(f"unexpected {type(err).__name__}; see the server's log"))
        self._answers.put((watched, look))
        wake()

    def _take_answers(self, on_look: OnLook) -> None:
        while True:
            try:
                watched, look = self._answers.get_nowait()
            except Empty:
                return
            if self._watched.get(watched.config.name) is not watched:
                continue  # configured anew or removed while we looked
            watched.is_looking, watched.is_looked_at = False, True
            next_look_s = self._next_look_s(look)
            watched.due_s = None if next_look_s is None else self._clock.now() + next_look_s
            _note(watched, look.problem, next_look_s)
            on_look(watched.config, look)

    def _next_look_s(self, look: Look) -> float | None:
        wait_s, settle_s = self._options.file_system_poll_wait_s, max(self._options.settle_s, 0.05)
        if wait_s > 0 and look.wait_s is not None:
            wait_s = look.wait_s
        if look.is_settling:
            return min(wait_s, settle_s) if wait_s > 0 else settle_s
        return wait_s if wait_s > 0 else None


def _note(watched: Watched, problem: errors.SeawayError | None, next_look_s: float | None) -> None:
    before = watched.problem.message if watched.problem else ""
    if problem and problem.message != before:
        level, said = absence(problem, next_look_s)
        log.log(level, "%s", said)
    watched.problem = problem
