"""Hosts of the tests' own on one machine: network namespaces that are joined by a bridge, and that can be cut off."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_BRIDGE = "seaway-test"
_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of <sched.h>."""


@dataclass(frozen=True, slots=True)
class Host:
    """One namespace, with an address on the bridge."""

    number: int

    @property
    def name(self) -> str:
        """The name of the namespace."""
        return f"{_BRIDGE}-{self.number}"

    @property
    def address(self) -> str:
        """Its address, which only the other hosts of the bridge reach."""
        return f"10.213.7.{self.number}"

    @property
    def within(self) -> tuple[str, ...]:
        """How a command that is to run there begins. `ip netns exec` would hide the control groups of the kernel."""
        return ("nsenter", f"--net=/var/run/netns/{self.name}")

    def cut_off(self) -> None:
        """Take its cable away."""
        _ip("link", "set", self._outer, "down")

    def join(self) -> None:
        """Put it back."""
        _ip("link", "set", self._outer, "up")

    @property
    def _outer(self) -> str:
        return f"sw-o{self.number}"

    def make(self) -> None:
        """Make the namespace and its cable."""
        inner = f"sw-i{self.number}"
        _ip("netns", "add", self.name)
        _ip("link", "add", self._outer, "type", "veth", "peer", "name", inner)
        _ip("link", "set", inner, "netns", self.name)
        _ip("link", "set", self._outer, "master", _BRIDGE, "up")
        for command in (
            ("addr", "add", f"{self.address}/24", "dev", inner),
            ("link", "set", inner, "up"),
            ("link", "set", "lo", "up"),
            # Whoever wants to announce an address has to have a way out.
            ("route", "add", "default", "dev", inner),
        ):
            _ip("-n", self.name, *command)


@contextmanager
def hosts(count: int) -> Iterator[tuple[Host, ...]]:
    """Yield that many hosts; they are gone afterwards."""
    made = tuple(Host(number) for number in range(1, count + 1))
    _remove(made)
    _ip("link", "add", _BRIDGE, "type", "bridge")
    _ip("link", "set", _BRIDGE, "up")
    try:
        for host in made:
            host.make()
        yield made
    finally:
        _remove(made)


@contextmanager
def quiet_network() -> Iterator[None]:
    """Have this thread, and whatever it starts, live in a network where nobody else adds or removes interfaces.

    A browser drops what it is loading whenever the machine's interfaces change (ERR_NETWORK_CHANGED), as they do while
    other tests start containers. Without root nothing starts containers either, so nothing is done then.
    """
    if os.geteuid() != 0:
        yield
        return
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _call("unshare", _NEW_NETWORK)
    try:
        _ip("link", "set", "lo", "up")
        # An interface with an address, or the browser holds itself to be offline.
        _ip("link", "add", "sw-quiet0", "type", "veth", "peer", "name", "sw-quiet1")
        _ip("addr", "add", "10.213.8.1/24", "dev", "sw-quiet0")
        for name in ("sw-quiet0", "sw-quiet1"):
            _ip("link", "set", name, "up")
        yield
    finally:
        _call("setns", before, _NEW_NETWORK)
        os.close(before)


def _call(function: str, *arguments: int) -> None:
    """A call of the C library that Python offers from 3.12 on."""
    library = ctypes.CDLL(None, use_errno=True)
    if getattr(library, function)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{function}: {os.strerror(ctypes.get_errno())}")


def _remove(made: tuple[Host, ...]) -> None:
    for host in made:
        subprocess.run(["ip", "netns", "del", host.name], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", _BRIDGE], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    ran = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"ip {' '.join(arguments)}: {ran.stderr}"
