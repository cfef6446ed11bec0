"""The models that are measured, and a store of versions to serve them from.

The store is a copy: hot swaps add and remove versions, and the cache of built models must not see that.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from seaway.engines.signatures import saved_model_signatures
from tests.models import cache
from tests.support.server import Server


@dataclass(frozen=True, slots=True)
class Subject:
    """A model and the one input that it is asked with, in `seaway-bench`'s notation."""

    name: str
    input: str

    def of_rows(self, rows: int) -> Subject:
        """The same with so many times as long a leading dimension."""
        name, _, value = self.input.partition("=")
        dtype, shape, values = value.split(":", 2)
        leading, *inner = shape.split(",")
        sizes = ",".join([str(int(leading) * rows), *inner])
        return replace(self, input=f"{name}={dtype}:{sizes}:{values}")


HALF_PLUS_TWO = Subject("half_plus_two", "x=float32:3,1:1.0,2.0,5.0")
MNIST_CNN = Subject("mnist_cnn", "image=float32:1,28,28,1:random")
LARGE = Subject("mobilenet_v2", "image=float32:1,224,224,3:random")
RESNET50 = Subject("resnet50", "image=float32:1,224,224,3:random")
SUBJECTS = (HALF_PLUS_TWO, MNIST_CNN, LARGE, RESNET50)


def saved_model(subject: Subject) -> Path:
    """The built SavedModel, built now if it is not in the cache.

    Raises: RuntimeError - TensorFlow is not installed, or could not build it.
    """
    return cache.Models(cache.default_directory()).version(subject.name)


def as_named(server: Server, subject: Subject) -> Subject:
    """The subject with its only input's name as a server that serves it says: Keras numbers those it names itself."""
    metadata = server.get(f"/v1/models/{subject.name}/metadata").json["metadata"]
    (name,) = metadata["signature_def"]["signature_def"]["serving_default"]["inputs"]
    return _renamed(subject, name)


def as_saved(subject: Subject) -> Subject:
    """The same, with the name that the SavedModel has."""
    signatures = saved_model_signatures(saved_model(subject), ("serve",)).signature_def
    (name,) = signatures["serving_default"].inputs
    return _renamed(subject, name)


def _renamed(subject: Subject, name: str) -> Subject:
    _, _, values = subject.input.partition("=")
    return replace(subject, input=f"{name}={values}")


class Store:
    """Base paths below one directory, each with versions of one model."""

    def __init__(self, directory: Path) -> None:
        """Start empty."""
        directory.mkdir()
        self.directory = directory

    def base_path(self, name: str) -> Path:
        """Where the versions of `name` lie."""
        return self.directory / name

    def add(self, name: str, subject: Subject, version: int) -> Path:
        """Add a version; it appears whole, by rename."""
        base = self.base_path(name)
        base.mkdir(exist_ok=True)
        partial = base / f".{version}.partial"
        shutil.copytree(saved_model(subject), partial)
        return partial.rename(base / str(version))

    def remove(self, name: str, version: int) -> None:
        """Remove a version that is no longer served."""
        shutil.rmtree(self.base_path(name) / str(version))
