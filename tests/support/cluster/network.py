"""The network of a cluster: a namespace with one cable to this machine, which nothing else reaches."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.cluster.programs import run

NAME = "seaway-cluster"
ADDRESS = "10.213.9.1"
"""Of the node, and so of the API server and the name server."""

DOMAIN = "cluster.local"

PODS = "10.213.10.0/24"
SERVICES = "10.213.11.0/24"
WITHIN = ("nsenter", f"--net=/var/run/netns/{NAME}")
"""How a command that is to run there begins. `ip netns exec` would hide the control groups of the kernel."""

_HERE = "10.213.9.254"
_OUTER, _INNER = "sw-cluster", "sw-node"


@contextmanager
def network() -> Iterator[None]:
    """Make the namespace; pods are reached from this machine too. All of it is gone afterwards."""
    _remove()
    run("ip", "netns", "add", NAME)
    try:
        run("ip", "link", "add", _OUTER, "type", "veth", "peer", "name", _INNER, "netns", NAME)
        run("ip", "addr", "add", f"{_HERE}/24", "dev", _OUTER)
        run("ip", "link", "set", _OUTER, "up")
        run("ip", "route", "add", PODS, "via", ADDRESS)
        for command in (
            ("addr", "add", f"{ADDRESS}/24", "dev", _INNER),
            ("link", "set", _INNER, "up"),
            ("link", "set", "lo", "up"),
            ("route", "add", "default", "via", _HERE),
        ):
            run("ip", "-n", NAME, *command)
        run(*WITHIN, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        yield
    finally:
        _remove()


def _remove() -> None:
    for command in (("netns", "del", NAME), ("link", "del", _OUTER)):
        subprocess.run(["ip", *command], capture_output=True, check=False)
