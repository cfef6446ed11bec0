"""A server that is looked at, and how it answered. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit

from seaway.fleet.data import Data


class Target(Data, frozen=True):
    """A server to look at. `labels` are added to all its series; `instance` names it.

    Units:   url is the whole address of its Prometheus text.
    """

    instance: str
    url: str
    labels: tuple[tuple[str, str], ...] = ()
    bearer: str = ""

    @property
    def shown(self) -> str:
        """Its address without what may be secret in it: user, password and query."""
        parts = urlsplit(self.url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


class TargetStatus(Data, frozen=True):
    """How a server answered when it was last asked. Units: at in seconds since the Unix epoch, 0 before the first."""

    instance: str
    url: str
    is_up: bool = False
    problem: str = "it was not asked yet"
    at: float = 0.0
    took_s: float = 0.0
    series: int = 0
