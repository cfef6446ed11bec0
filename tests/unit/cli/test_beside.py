"""When a server brings a monitor along, and which."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec

import pytest

from seaway.cli import beside
from seaway.cli.beside import command
from seaway.settings.effective import load
from seaway.settings.server import ServerSettings


def settings_of(**variables: str) -> ServerSettings:
    return load({"models.model_base_path": "/m"}, variables, None).settings


@pytest.mark.parametrize(
    ("variables", "address", "watched"),
    [
        pytest.param({}, "0.0.0.0:8501", "http://127.0.0.1:8501/monitoring/prometheus/metrics", id="by-default"),
        pytest.param({}, "[::]:8501", "http://[::1]:8501/monitoring/prometheus/metrics", id="ipv6"),
        pytest.param({"SEAWAY_METRICS_PATH": "/m"}, "10.0.0.1:1", "http://10.0.0.1:1/m", id="another-path"),
        pytest.param({"SEAWAY_MONITOR": "false"}, "0.0.0.0:8501", None, id="not-wanted"),
        pytest.param({"SEAWAY_METRICS": "false"}, "0.0.0.0:8501", None, id="nothing-to-see"),
        pytest.param({"SEAWAY_FOLLOW": "/state"}, "0.0.0.0:8501", None, id="a-deployments-replica"),
        pytest.param({}, None, None, id="no-rest"),
    ],
)
def test_a_monitor_is_started_where_there_is_something_to_see(
    variables: dict[str, str], address: str | None, watched: str | None
) -> None:
    found = command(settings_of(**variables), address)
    assert (found is None) == (watched is None)
    if found is not None:
        assert found[:5] == [sys.executable, "-m", "seaway", "monitor", watched]
        assert found[found.index("--listen") + 1] == "127.0.0.1:8502"


def test_without_its_packages_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> ModuleSpec | None:
        return None if name == "nicegui" else ModuleSpec(name, None)

    monkeypatch.setattr(beside, "find_spec", find_spec)
    assert command(settings_of(), "0.0.0.0:8501") is None
