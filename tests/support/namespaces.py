"""Networks of the tests' own: one for each process of a run, and joined hosts that can be cut off."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_BRIDGE = "seaway-test"
_NEW_NETWORK = 0x40000000
_NEW_MOUNTS = 0x00020000
"""CLONE_NEWNET and CLONE_NEWNS of <sched.h>."""


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


class _Machine:
    """The network that this process was started in, once it has left it."""

    network: int | None = None


def isolate() -> None:
    """Give this process, and whatever it starts from now on, a network and mounts of its own; call it before threads.

    Processes of a run then cannot meet at a port or at an interface, each Docker engine has those whose names cannot be
    chosen to itself, and a browser does not drop what it loads because the machine's interfaces change. When the
    processes have ended, however that came, nothing of it is left.

    It takes root, and a kernel that allows it; without, the process stays where it is.
    """
    if os.geteuid() != 0:
        return
    machine = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _call("unshare", _NEW_NETWORK | _NEW_MOUNTS)
    except OSError:
        os.close(machine)
        return
    _Machine.network = machine
    # Or what is mounted here would be passed on to the machine.
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    _ip("link", "set", "lo", "up")
    # Whoever asks whether it is online, or which address others reach it at, looks for an interface with a way out.
    _ip("link", "add", "sw-own0", "type", "veth", "peer", "name", "sw-own1")
    for name in ("sw-own0", "sw-own1"):
        _ip("link", "set", name, "up")
    _ip("addr", "add", "10.213.8.1/24", "dev", "sw-own0")
    _ip("route", "add", "default", "via", "10.213.8.254", "dev", "sw-own0")


@contextmanager
def machines_network() -> Iterator[None]:
    """Have this thread, and what it starts, use the network of the machine: it has the way to package registries."""
    if _Machine.network is None:
        yield
        return
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    _call("setns", _Machine.network, _NEW_NETWORK)
    try:
        yield
    finally:
        _call("setns", own, _NEW_NETWORK)
        os.close(own)


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
