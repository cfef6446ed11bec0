"""Stand-ins for time, directories, workers and threads, each for one stated purpose.

They have no behaviour of their own beyond what a test tells them, so that a test reads as the whole story.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from pathlib import Path

from seaway import errors
from seaway.repository.ids import ServableId
from seaway.repository.loader import OnFailure
from seaway.repository.source import AspiredVersion, Look
from seaway.settings.model_config import ModelConfig


class FakeClock:
    """Time that passes only when a test says so; a wait passes it at once and calls `on_wait` first."""

    def __init__(self, now_s: float = 1000.0, wall_s: float = 1_000_000.0) -> None:
        self._now_s = now_s
        self._wall_s = wall_s
        self.on_wait: Callable[[], object] = lambda: None

    def now(self) -> float:
        return self._now_s

    def wall(self) -> float:
        return self._wall_s

    def advance(self, seconds: float) -> None:
        self._now_s += seconds
        self._wall_s += seconds

    def set_wall(self, seconds: float) -> None:
        self._wall_s = seconds

    def wait(self, event: threading.Event | threading.Condition, timeout_s: float | None) -> bool:
        before = self._now_s
        self.on_wait()
        if isinstance(event, threading.Event) and event.is_set():
            return True
        assert timeout_s is not None, "a wait without an end would never return in virtual time"
        if self._now_s == before:
            self.advance(timeout_s)
        return False


class FakeExecutor:
    """Runs work at once, in the caller's thread; what `hang` names is kept until `release`."""

    def __init__(self) -> None:
        self.submitted: list[str] = []
        self._hanging: set[str] = set()
        self._held: dict[str, deque[Callable[[], None]]] = defaultdict(deque)

    def submit(self, name: str, work: Callable[[], None]) -> None:
        self.submitted.append(name)
        if name in self._hanging:
            self._held[name].append(work)
        else:
            work()

    def hang(self, *names: str) -> None:
        self._hanging.update(names)

    def release(self, name: str) -> None:
        self._hanging.discard(name)
        while self._held[name]:
            self._held[name].popleft()()

    def held(self) -> list[str]:
        return sorted(name for name, works in self._held.items() if works)


class FakeLoader:
    """One attempt: loads or fails as its factory was told."""

    def __init__(self, factory: FakeLoaders, version: AspiredVersion, on_failure: OnFailure) -> None:
        self._factory = factory
        self.version = version
        self.on_failure = on_failure

    def load(self) -> None:
        self._factory.log.append(f"load {self.version.id.name} {self.version.id.version}")
        failures = self._factory.failures[self.version.id]
        if failures:
            raise failures.popleft()

    def unload(self) -> None:
        self._factory.log.append(f"unload {self.version.id.name} {self.version.id.version}")


class FakeLoaders:
    """Makes loaders, scripts their failures, writes down what they did, and kills their workers."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.made: list[FakeLoader] = []
        self.failures: dict[ServableId, deque[Exception]] = defaultdict(deque)

    def __call__(self, version: AspiredVersion, on_failure: OnFailure) -> FakeLoader:
        loader = FakeLoader(self, version, on_failure)
        self.made.append(loader)
        return loader

    def fail(self, servable: ServableId, *failures: Exception) -> None:
        self.failures[servable].extend(failures)

    def last(self, servable: ServableId) -> FakeLoader:
        return next(loader for loader in reversed(self.made) if loader.version.id == servable)

    def kill(self, servable: ServableId, message: str = "killed by signal 9") -> None:
        self.last(servable).on_failure(errors.Unavailable(message))


class HangingLoader:
    """A load that never returns by itself: only `unload` ends it, as killing a real worker does."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self._ended = threading.Event()

    def load(self) -> None:
        self.began.set()
        if not self._ended.wait(30.0):
            raise AssertionError("nobody unloaded the hanging load within 30 s")
        raise errors.Cancelled("the load was ended")

    def unload(self) -> None:
        self._ended.set()


class FakeSource:
    """Directories that hold what a test says."""

    def __init__(self) -> None:
        self.looks: dict[str, Look] = {}
        self.looked: list[str] = []
        self.forgotten: list[str] = []

    def holds(self, model: str, *versions: int, fingerprint: str = "") -> None:
        self.looks[model] = Look(tuple(aspired(model, version, fingerprint) for version in versions))

    def fails(self, model: str, problem: errors.SeawayError) -> None:
        self.looks[model] = Look(None, problem=problem)

    def look(self, model: ModelConfig) -> Look:
        self.looked.append(model.name)
        return self.looks.get(model.name, Look(()))

    def forget(self, name: str) -> None:
        self.forgotten.append(name)


def model_config(name: str, **fields: object) -> ModelConfig:
    """Return a valid configuration of a model of that name."""
    return ModelConfig(name, f"/models/{name}", **fields)  # type: ignore[arg-type]


def aspired(model: str, version: int, fingerprint: str = "", size_bytes: int = 0) -> AspiredVersion:
    """Return a version that should be served."""
    config = model_config(model)
    path = Path(config.base_path) / str(version)
    return AspiredVersion(ServableId(model, version), path, config, fingerprint, size_bytes)


def aspire(model: str, versions: Iterable[int]) -> list[AspiredVersion]:
    """Return several versions that should be served."""
    return [aspired(model, version) for version in versions]
