"""Which tests stay together when several processes share a run, and which of them begin first.

pytest-xdist gives each test to whichever process is free. Tests that share an expensive fixture have to run in one
process, one after the other: they are a group. A table by module names the groups, because the process that hands the
tests out knows nothing of a test but its id. (Marks would be the usual way, but `--dist loadgroup` of pytest-xdist 3.8
puts them into an attribute that pytest 9.2 no longer reads.)

Longest first, so that no process is left alone with a chain of minutes at the end.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

GROUPS = {
    "tests/e2e/test_deploy_docker.py": "docker",
    "tests/e2e/test_deploy_docker_log.py": "docker",
    "tests/e2e/test_image.py": "docker",
    "tests/e2e/test_deploy_swarm.py": "swarm",
    "tests/e2e/test_deploy_swarm_nodes.py": "swarm",
    "tests/e2e/test_deploy_kubernetes.py": "cluster",
    "tests/e2e/test_monitor_page.py": "browser",
    "tests/e2e/test_hostile_names.py": "hostile names",
    "tests/e2e/test_monitor.py": "monitor",
    "tests/e2e/test_export.py": "export",
    "tests/contract/clients/test_clients.py": "client contract",
    "tests/contract/engines/test_engines.py": "engine contract",
    "tests/integration/worker/test_engine.py": "worker engine",
    "tests/integration/worker/test_process.py": "worker process",
}
"""The modules whose tests stay together, and with whom; each begins its chain in this order."""

LONG = (
    "tests/e2e/test_tutorial.py",
    "tests/e2e/test_deploy.py",
    "tests/e2e/test_deploy_monitor.py",
    "tests/unit/monitor/alerts/test_verdict.py",
)
"""Modules of single tests that take minutes, which begin right after the groups."""

SCENARIOS = "tests/e2e/"
ALONE = (SCENARIOS, "tests/conformance/")
"""Where tests that belong to no group are handed out one by one."""

_GROUP_ORDER = list(dict.fromkeys(GROUPS.values()))


def module_of(nodeid: str) -> str:
    """The file of a test."""
    return nodeid.partition("::")[0]


def scope_of(nodeid: str) -> str:
    """What a test is handed out with: its group; alone where it starts servers; else the module, since it is quick."""
    module = module_of(nodeid)
    return GROUPS.get(module, nodeid if module.startswith(ALONE) else module)


def rank(nodeid: str, is_end_to_end: bool) -> int:
    """Where a test stands in the order of a run: chains of minutes first, what takes no time last."""
    group = GROUPS.get(module_of(nodeid))
    if group is not None:
        return _GROUP_ORDER.index(group)
    if module_of(nodeid) in LONG:
        return len(GROUPS) + LONG.index(module_of(nodeid))
    return len(GROUPS) + len(LONG) + (not is_end_to_end)


def arrange(items: list[pytest.Item]) -> None:
    """Put the longest first; the order within a module stays.

    Raises: pytest.UsageError - a test shares a fixture of its module, and the table does not keep that module together.
    """
    for item in items:
        shared = _shared_fixtures(item)
        if shared and module_of(item.nodeid) not in GROUPS:
            raise pytest.UsageError(
                f"{item.nodeid} uses {', '.join(shared)}, which live as long as the module: add the module to "
                "GROUPS in tests/support/scheduling.py, or every process of a run makes its own"
            )
    items.sort(key=lambda item: rank(item.nodeid, starts_servers(item)))


def mark(item: pytest.Item) -> None:
    """Mark a test that is a scenario; done as soon as it is found, since `-m` selects before tests are arranged."""
    if item.nodeid.startswith(SCENARIOS):
        item.add_marker(pytest.mark.scenario)


def starts_servers(item: pytest.Item) -> bool:
    """Whether a test starts real servers, so that it runs only when asked for."""
    return bool(item.get_closest_marker("e2e") or item.get_closest_marker("conformance"))


def _shared_fixtures(item: pytest.Item) -> list[str]:
    """The fixtures of a test that live as long as its module, and cost something: those of end-to-end tests."""
    if not isinstance(item, pytest.Function) or not starts_servers(item):
        return []
    known: dict[str, Any] = item._fixtureinfo.name2fixturedefs
    return [name for name in item.fixturenames if name in known and known[name][-1].scope == "module"]


class GroupScheduling(LoadScopeScheduling):
    """Hands out one group, or one test, at a time."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)


def scheduler(config: pytest.Config, log: Any) -> GroupScheduling:
    """The scheduler of a run, which keeps the order that `arrange` gave."""
    config.option.loadscopereorder = False
    return GroupScheduling(config, log)
