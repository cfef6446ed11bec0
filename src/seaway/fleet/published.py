"""The one decision on what is served, which all replicas of a deployment follow.

A replica does not look for new versions by itself: it loads what the decision names. So replicas agree on what is
live however their clocks and file systems differ, and a new version serves only once somebody has decided so.

A generation is written once and never changed. While a decision is brought to one replica after another, `first`
names those that follow it already; all others follow `before`.
"""

from __future__ import annotations

from typing import Any

from msgspec import field

from seaway.fleet.data import Data, digest

FILE_NAME = "published.json"
LOG_DIRECTORY = "request-logs"
"""Directory of the state that holds logs of requests whose prefix is a path."""


class Traffic(Data, frozen=True):
    """How a model's requests without version or label are spread over two of its versions.

    `canary` and `shadow` are shares, 0 to 1: the first of all such requests, the second of those that `live` answers.
    """

    live: int
    candidate: int | None = None
    canary: float = 0.0
    sticky_header: str = ""
    shadow: float = 0.0


class PublishedLog(Data, frozen=True):
    """Which share of a model's requests is written, and where: a URL, or a path below a replica's directory of logs."""

    sampling_rate: float
    prefix: str


class PublishedModel(Data, frozen=True):
    """One model as replicas are to serve it: a path inside the model store, and versions that are directories there.

    A deployer always says who is `live`: while versions come and go, the highest one that is loaded may be one that is
    on its way out. Without `traffic` the highest answers. `engine` and `batching` are empty where the server's own
    settings hold. Without `log` no request is logged.
    """

    name: str
    path: str
    versions: tuple[int, ...]
    labels: dict[str, int] = field(default_factory=dict)
    engine: str = ""
    batching: dict[str, Any] = field(default_factory=dict)
    traffic: Traffic | None = None
    log: PublishedLog | None = None


class Published(Data, frozen=True):
    """What is served: every model, in the order of the description."""

    models: tuple[PublishedModel, ...] = ()

    @property
    def digest(self) -> str:
        """Equal for decisions that are the same to replicas."""
        return digest(self)

    def model(self, name: str) -> PublishedModel | None:
        """Return the model of that name, None when it is not served."""
        return next((model for model in self.models if model.name == name), None)


class Generation(Data, frozen=True):
    """The content of `published.json`.

    `first` names the replicas that follow `published` while all others follow `before`; None once everyone does.
    `stagger_s` spreads the moments at which replicas begin to follow over that many seconds, each at a moment of
    its own that its name gives, for targets where replicas have no names beforehand.
    """

    generation: int
    published: Published
    first: tuple[str, ...] | None = None
    before: Published = Published()
    stagger_s: float = 0.0

    def followed_by(self, replica: str) -> Published:
        """Return what the replica of that name has to serve."""
        return self.published if self.first is None or replica in self.first else self.before
