"""Hosts of the tests' own on one machine: network namespaces that are joined by a bridge, and that can be cut off."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_BRIDGE = "seaway-test"


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


def _remove(made: tuple[Host, ...]) -> None:
    for host in made:
        subprocess.run(["ip", "netns", "del", host.name], capture_output=True, check=False)
    subprocess.run(["ip", "link", "del", _BRIDGE], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    ran = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"ip {' '.join(arguments)}: {ran.stderr}"
