"""A worker for each way to serve, and models loaded into it."""

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
from tests.support.engine_kits import KITS, Kit
from tests.support.worker_channel import Channel

LOAD_LIMIT_S = 120.0
Load = Callable[..., Channel]


@pytest.fixture(scope="session")
def engine_launcher() -> Iterator[WorkerLauncher]:
    """Starts workers as a server of these engines does: without the fork server."""
    launcher = WorkerLauncher("", use_fork_server=False)
    yield launcher
    launcher.close()


@pytest.fixture(params=[pytest.param(kit, id=name) for name, kit in KITS.items()], scope="module")
def kit(request: pytest.FixtureRequest) -> Kit:
    """One way to serve; skipped where what it needs is not installed."""
    chosen: Kit = request.param
    if not chosen.is_installed:
        pytest.skip(f"engine {chosen.engine}: {chosen.package} is not installed")
    return chosen


@pytest.fixture(scope="module")
def engine_worker(engine_launcher: WorkerLauncher, kit: Kit) -> Iterator[WorkerProcess]:
    """One worker for what a module loads with one kit."""
    worker = engine_launcher.launch(kit.engine)
    yield worker
    worker.retire(5.0)


@pytest.fixture
def load_version(engine_worker: WorkerProcess) -> Iterator[Load]:
    """Load a directory: `load_version(path, kit)`; unloaded afterwards."""
    loaded: list[int] = []
    with ExitStack() as stack:

        def load_version(path: Path, kit: Kit, **changed: Any) -> Channel:
            channel = Channel()
            stack.callback(channel.close)
            loaded.append(len(loaded) + 1)
            request = LoadRequest(
                model="m",
                version=loaded[-1],
                path=str(path),
                tags=("serve",),
                library=str(tensorflow.find().library) if kit.engine == "tensorflow" else "",
                slots=channel.layout.slots,
                stride_bytes=channel.layout.stride_bytes,
                threads=2,
                engine=changed.get("engine", kit.engine),
                engine_options=changed.get("options", kit.options),
            )
            engine_worker.load(request, channel.worker_socket.fileno(), channel.arena_fd, LOAD_LIMIT_S)
            channel.give_away()
            return channel

        yield load_version
        for version in loaded:
            engine_worker.unload("m", version)


@pytest.fixture
def load(load_version: Load, kit: Kit, models: Models, tmp_path: Path) -> Load:
    """Load one of the kit's models by name."""

    def load(name: str, **changed: Any) -> Channel:
        directory = tmp_path / name
        directory.mkdir(exist_ok=True)
        return load_version(kit.version(name, models, directory), kit, **changed)

    return load
