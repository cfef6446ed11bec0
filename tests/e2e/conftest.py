"""What the scenarios share: a model store that tests may change, and clients of a running server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.models.cache import Models
from tests.support.clients import Client
from tests.support.engine import Engine, skip_unless_possible
from tests.support.images import add_others, add_seaway
from tests.support.server import Server
from tests.support.store import Store


@pytest.fixture
def store(tmp_path: Path, models: Models) -> Store:
    """An empty model store."""
    return Store(tmp_path / "store", models)


@pytest.fixture
def connect() -> Iterator[Callable[[Server], Client]]:
    """Clients that are closed when the test ends."""
    clients: list[Client] = []

    def one(server: Server) -> Client:
        clients.append(Client(server.grpc_address))
        return clients[-1]

    yield one
    for client in clients:
        client.channel.close()


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A Docker engine with the images that deployments need; skipped loudly where none can run.

    Seaway's is the one with OpenVINO, which has a third of the size of the one with TensorFlow.
    """
    skip_unless_possible()
    engine = Engine(tmp_path_factory.mktemp("engine")).start()
    try:
        engine.add_base()
        engine.add_traefik()
        add_seaway(engine)
        add_others(engine)
        yield engine
    finally:
        engine.stop()


@pytest.fixture(scope="session")
def open_directory() -> Iterator[Callable[[str], Path]]:
    """Directories that the users of containers may enter, unlike pytest's own."""
    root = Path(tempfile.mkdtemp(prefix="seaway-e2e-"))
    root.chmod(0o755)

    def made(name: str) -> Path:
        (root / name).mkdir()
        return root / name

    yield made
    shutil.rmtree(root, ignore_errors=True)
