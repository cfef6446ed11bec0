"""A launcher for all tests of a run, and models loaded by real workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from seaway.engines import tensorflow
from seaway.worker.launcher import WorkerLauncher
from seaway.worker.process import LoadRequest, WorkerProcess
from tests.models.cache import Models
from tests.support.worker_channel import Channel

LOAD_LIMIT_S = 120.0


@pytest.fixture(scope="session")
def library() -> str:
    """TensorFlow's shared library."""
    return str(tensorflow.find().library)


@pytest.fixture(scope="session")
def launcher(library: str) -> Iterator[WorkerLauncher]:
    """A launcher that tests share; one that ends workers or the fork server makes its own."""
    shared = WorkerLauncher(library)
    yield shared
    shared.close()


@pytest.fixture
def load_into(library: str) -> Iterator[Callable[..., Channel]]:
    """Load a path into a worker: `load_into(worker, path, version=1, **what LoadRequest and Channel take)`."""
    with ExitStack() as stack:

        def load_into(worker: WorkerProcess, path: Path, version: int = 1, **options: Any) -> Channel:
            channel = Channel(options.pop("slots", 4), options.pop("stride_bytes", 1 << 20))
            stack.callback(channel.close)
            request = LoadRequest(
                model="m",
                version=version,
                path=str(path),
                tags=options.pop("tags", ("serve",)),
                library=library,
                slots=channel.layout.slots,
                stride_bytes=channel.layout.stride_bytes,
                threads=options.pop("threads", 2),
                **options,
            )
            worker.load(request, channel.worker_socket.fileno(), channel.arena_fd, LOAD_LIMIT_S)
            channel.give_away()
            return channel

        yield load_into


@pytest.fixture(scope="module")
def shared_worker(launcher: WorkerLauncher) -> Iterator[WorkerProcess]:
    """One worker that holds what a module's tests load."""
    worker = launcher.launch("shared")
    yield worker
    worker.retire(5.0)


@pytest.fixture
def load(
    shared_worker: WorkerProcess, load_into: Callable[..., Channel], models: Models
) -> Iterator[Callable[..., Channel]]:
    """Load a test model into the module's worker: `load("strings")`; unloaded afterwards."""
    versions: list[int] = []

    def load(name: str, **options: Any) -> Channel:
        versions.append(len(versions) + 1)
        return load_into(shared_worker, models.version(name), versions[-1], **options)

    yield load
    for version in versions:
        shared_worker.unload("m", version)
