"""Fixtures and options that every kind of test shares; what one kind alone needs lies beside it."""

from __future__ import annotations

import pytest

from tests.models import cache


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--e2e`: tests that start real servers take minutes, so they are asked for."""
    parser.addoption("--e2e", action="store_true", help="also run tests that start real server processes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without `--e2e`, leave out what starts servers, and say so in pytest's own count."""
    if config.getoption("--e2e"):
        return
    left_out = [item for item in items if item.get_closest_marker("e2e") or item.get_closest_marker("conformance")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def models() -> cache.Models:
    """Real SavedModels, built once per checkout by a separate process: tests never import TensorFlow for them."""
    return cache.prepare()
