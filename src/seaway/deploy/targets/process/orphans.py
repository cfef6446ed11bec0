"""Processes of a deployment that nobody keeps alive any more, found by what they were started with.

A supervisord that was killed leaves its children running. They are told from all other processes by their
environment or arguments, and ended by id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import psutil

from seaway.deploy.targets.process.layout import Layout


def of_replica(layout: Layout, name: str) -> list[psutil.Process]:
    """Return the servers of a replica of this deployment; of all of them where the name is empty.

    The workers of a server end by themselves with it.
    """
    return [process for process in _own() if _is_server(process, layout, name)]


def of_ingress(layout: Layout) -> list[psutil.Process]:
    """Return the Traefik of this deployment."""
    marker = f"--configFile={layout.traefik}"
    return [process for process in _own() if marker in _arguments(process)]


def of_monitor(layout: Layout) -> list[psutil.Process]:
    """Return the monitor of this deployment: it is the one that keeps what it sees there."""
    return [process for process in _own() if _holds(_arguments(process), "--directory", str(layout.monitor_records))]


def end(processes: Iterable[psutil.Process], limit_s: float) -> None:
    """Ask processes to end, and kill those that have not within the limit."""
    asked = []
    for process in processes:
        try:
            process.terminate()
            asked.append(process)
        except psutil.Error:
            continue
    _, left = psutil.wait_procs(asked, timeout=limit_s)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=5)


def _own() -> Iterator[psutil.Process]:
    own = psutil.Process().uids().real
    for process in psutil.process_iter():
        try:
            if process.uids().real == own:
                yield process
        except psutil.Error:
            continue


def _is_server(process: psutil.Process, layout: Layout, name: str) -> bool:
    arguments = _arguments(process)
    if arguments[-1:] != ["serve"] or "seaway" not in arguments:
        return False
    try:
        environment = process.environ()
    except psutil.Error:
        return False
    is_ours = environment.get("SEAWAY_FOLLOW") == str(layout.state)
    return is_ours and (not name or environment.get("SEAWAY_REPLICA_NAME") == name)


def _holds(arguments: list[str], option: str, value: str) -> bool:
    return (option, value) in pairwise(arguments)


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
