"""The table of groups, the ports, and the scenarios that `make test` runs, held to the tests that there are."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import FIRST, LAST, PROCESSES, free_port, part_of
from tests.support.scheduling import GROUPS, LONG, rank, scope_of

ROOT = Path(__file__).parents[2]
SCENARIOS = ROOT / "tests" / "e2e" / "SCENARIOS.md"
HEADINGS = re.findall(r"^## (.*)$", SCENARIOS.read_text(), flags=re.MULTILINE)


@pytest.mark.parametrize("heading", HEADINGS)
def test_of_each_heading_the_quick_run_has_exactly_one_scenario(heading: str) -> None:
    files = [ROOT / "tests" / "e2e" / name for name in re.findall(r"`(test_\w+\.py)`", heading)]
    assert files, "the heading names no file"
    found = [
        file.name for file in files for _ in re.finditer(r"^@pytest\.mark\.smoke$", file.read_text(), re.MULTILINE)
    ]
    assert len(found) == 1, found


def test_the_quick_run_leaves_the_other_scenarios_out() -> None:
    chosen = ["--e2e", "-m", "smoke or not scenario", "tests/e2e/test_limits.py", "tests/meta/test_stub.py"]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:randomly", *chosen]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    found = [line for line in ran.stdout.splitlines() if "::" in line]
    scenarios = [each for each in found if each.startswith("tests/e2e/")]
    assert scenarios == ["tests/e2e/test_limits.py::test_a_full_queue_is_refused_at_once"]
    assert len(found) > len(scenarios), "what is no scenario is run"


@pytest.mark.parametrize("module", [*GROUPS, *LONG])
def test_a_module_that_the_table_names_is_there(module: str) -> None:
    assert (ROOT / module).is_file()


@pytest.mark.parametrize(
    ("nodeid", "scope"),
    [
        ("tests/e2e/test_deploy_docker.py::test_a", "docker"),
        ("tests/e2e/test_image.py::test_b[x::y]", "docker"),
        ("tests/e2e/test_limits.py::test_c", "tests/e2e/test_limits.py::test_c"),
        ("tests/unit/cli/test_golden.py::test_d", "tests/unit/cli/test_golden.py"),
    ],
)
def test_a_test_is_handed_out_with_its_group(nodeid: str, scope: str) -> None:
    assert scope_of(nodeid) == scope


def test_chains_begin_first_and_quick_tests_last() -> None:
    nodes = [
        ("tests/e2e/test_deploy_docker.py::test_a", True),
        ("tests/e2e/test_deploy_swarm.py::test_a", True),
        ("tests/e2e/test_tutorial.py::test_a", True),
        ("tests/e2e/test_limits.py::test_a", True),
        ("tests/unit/cli/test_golden.py::test_a", False),
    ]
    ranks = [rank(nodeid, is_end_to_end) for nodeid, is_end_to_end in nodes]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)


def test_processes_have_ports_of_their_own_below_those_that_the_kernel_gives_away() -> None:
    parts = [part_of(f"gw{number}") for number in range(PROCESSES)]
    assert part_of("") == parts[-1]
    assert all(before.stop == after.start for before, after in itertools.pairwise(parts))
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert parts[0].start == FIRST
    assert parts[-1].stop <= LAST < lowest


def test_a_port_is_handed_out_once() -> None:
    assert len({free_port() for _ in range(20)}) == 20
