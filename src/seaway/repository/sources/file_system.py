"""The source that reads model directories on a file system.

It remembers, per model, which version directories it let through. Such a version stays aspired as long as its directory
is there, whatever happens inside (deleting a loaded version file by file must not flap); when its files change and
settle again, it is aspired with a new fingerprint, which is what makes a failed version be tried again.

Source: tensorflow_serving/sources/storage_path/file_system_storage_path_source.h.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from seaway import errors
from seaway.clock import Clock
from seaway.repository.ids import ServableId
from seaway.repository.options import SourceOptions
from seaway.repository.source import AspiredVersion, Look
from seaway.repository.sources.base_path import Layout, read_layout
from seaway.repository.sources.settle import Now, Seen, is_settled, remember
from seaway.repository.sources.sight import Sight, look_at
from seaway.repository.version_policy import aspired_versions
from seaway.settings.model_config import ModelConfig, SpecificVersions
from seaway.stores.url import joined, shown

log = logging.getLogger(__name__)

ReadLayout: TypeAlias = Callable[[str, str], Layout]
"""`read(name, base_path)` says what the base path of a model holds."""


@dataclass(slots=True)
class _Memory:
    base_path: str
    seen: dict[int, Seen] = field(default_factory=dict)
    accepted: dict[int, AspiredVersion] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Found:
    """One version of a layout."""

    version: int
    layout: Layout
    sight: Sight


class FileSystemSource:
    """Scans base paths; the looks of different models may run at the same time."""

    def __init__(self, options: SourceOptions, clock: Clock, read: ReadLayout = read_layout) -> None:
        """Remember nothing yet; `read` takes the place of looking at directories."""
        self._options = options
        self._read = read
        self._clock = clock
        self._memories: dict[str, _Memory] = {}

    def look(self, model: ModelConfig) -> Look:
        """List the model's directory and choose by its version policy among the versions that have settled."""
        memory = self._memory(model)
        try:
            layout = self._read(model.name, model.base_path)
        except errors.SeawayError as err:
            return Look(aspired=None, problem=err)
        for warning in layout.warnings:
            _say_once(memory, warning)
        _drop_removed(memory, layout)
        return self._choose(model, memory, layout)

    def forget(self, name: str) -> None:
        """Drop the memory of a model."""
        self._memories.pop(name, None)

    def _memory(self, model: ModelConfig) -> _Memory:
        memory = self._memories.get(model.name)
        if memory is None or memory.base_path != model.base_path:
            memory = self._memories[model.name] = _Memory(model.base_path)
        return memory

    def _choose(self, model: ModelConfig, memory: _Memory, layout: Layout) -> Look:
        unsettled: dict[int, Sight] = {}

        def settled(version: int) -> bool:
            sight = layout.sights.get(version) or look_at(layout.versions[version])
            ready = self._accept(model, memory, _Found(version, layout, sight))
            if not ready:
                unsettled[version] = sight
            return ready or version in memory.accepted

        chosen = aspired_versions(model.version_policy, tuple(layout.versions), settled)
        for version in _absent(model, layout):
            place = shown(model.base_path)
            _say_once(memory, f"version {version} of model {model.name!r} is asked for and not in {place}")
        if not chosen and unsettled:
            return Look(aspired=None, is_settling=True, problem=_not_settled(model, unsettled))
        problem = None if chosen else _nothing(model, layout)
        return Look(tuple(memory.accepted[version] for version in chosen), bool(unsettled), problem)

    def _accept(self, model: ModelConfig, memory: _Memory, found: _Found) -> bool:
        now = Now(self._clock.now(), self._clock.wall())
        version, sight = found.version, found.sight
        path, tree = found.layout.versions[version], found.layout.trees.get(version)
        known = memory.accepted.get(version)
        if known and (known.fingerprint, known.path, known.model) == (sight.fingerprint, path, model):
            return True
        seen = memory.seen[version] = remember(memory.seen.get(version), sight, now)
        if not is_settled(seen, sight, now, self._options):
            return False
        servable = ServableId(model.name, version)
        memory.accepted[version] = AspiredVersion(servable, path, model, sight.fingerprint, sight.size_bytes, tree)
        return True


def _drop_removed(memory: _Memory, layout: Layout) -> None:
    for remembered in (memory.seen, memory.accepted):
        for version in set(remembered) - set(layout.versions):
            del remembered[version]


def _absent(model: ModelConfig, layout: Layout) -> list[int]:
    if not isinstance(model.version_policy, SpecificVersions):
        return []
    return sorted(model.version_policy.versions - set(layout.versions))


def _nothing(model: ModelConfig, layout: Layout) -> errors.SeawayError:
    if layout.versions:
        there = ", ".join(map(str, sorted(layout.versions)))
        return errors.NotFound(f"no version of model {model.name!r} that its policy asks for is there; found: {there}")
    return errors.NotFound(
        f"no version of model {model.name!r} in {shown(model.base_path)}: each version needs a directory named by its "
        f"number, for instance {shown(joined(model.base_path, '1', 'saved_model.pb'))}"
    )


def _not_settled(model: ModelConfig, unsettled: dict[int, Sight]) -> errors.SeawayError:
    parts = [
        f"version {version} " + (f"lacks {', '.join(sight.missing)}" if sight.missing else "is still changing")
        for version, sight in sorted(unsettled.items())
    ]
    return errors.Unavailable(f"model {model.name!r} is being copied: {'; '.join(parts)}")


def _say_once(memory: _Memory, text: str) -> None:
    if text not in memory.said:
        memory.said.add(text)
        log.warning("%s", text)
