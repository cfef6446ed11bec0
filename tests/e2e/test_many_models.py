"""Many small models on one machine."""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from tests.models.cache import Models
from tests.support.clients import Client
from tests.support.server import Server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

LIMIT_BYTES = 4 * 2**30


def proportional_bytes(processes: list[psutil.Process]) -> int:
    """The memory of these processes, pages they share counted once between them."""
    return sum(process.memory_full_info().pss for process in processes)


@pytest.mark.smoke
@pytest.mark.parametrize(("count", "isolation"), [(50, "shared"), (10, "process")])
def test_small_models_fit_in_4_gb_and_all_answer(
    start: Callable[..., Server], connect: Callable[[Server], Client], models: Models, count: int, isolation: str
) -> None:
    names = [f"tiny_{number}" for number in range(count)]
    server = start({name: models.path("half_plus_two") for name in names}, f"--isolation={isolation}")
    client = connect(server)
    for number, name in enumerate(names):
        assert client.arrays(name, x=[[float(number)]])["y"].tolist() == [[number / 2 + 2.0]]
    workers = {version["worker_pid"] for model in server.listing().values() for version in model.values()}
    assert len(workers) == (1 if isolation == "shared" else count)
    assert proportional_bytes(server.family()) < LIMIT_BYTES
