"""A model store that a test changes as a training pipeline would."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.models.cache import Models


class Store:
    """A directory of models that a test adds versions to and takes versions from."""

    def __init__(self, root: Path, models: Models) -> None:
        """Start empty."""
        self.root = root
        self._models = models

    def base(self, model: str) -> Path:
        """The base path of a model here."""
        return self.root / model

    def add(self, model: str, version: int, source: str, source_version: str | None = None) -> Path:
        """Put a built model in as a version, whole at once, as a careful pipeline does; its directory."""
        target = self.base(model) / str(version)
        target.parent.mkdir(parents=True, exist_ok=True)
        copied = self.root / f".copy-{model}-{version}"
        shutil.copytree(self._models.version(source, source_version), copied)
        return copied.rename(target)

    def remove(self, model: str, version: int) -> None:
        """Take a version away."""
        shutil.rmtree(self.base(model) / str(version))
