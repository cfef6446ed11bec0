"""Every setting of one server, as one frozen value made of small groups.

The value is made once at the start and passed along; no code asks the environment or a file later. Each setting is
declared, documented and bounded in its group's module, and everything else that knows settings (flags, variables, the
settings file, the reference page) reads those declarations.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from seaway.settings.access_log import AccessLog
from seaway.settings.batching import Batching
from seaway.settings.declaration import Setting, declared
from seaway.settings.engine import Engine, Queue
from seaway.settings.follow import Follow
from seaway.settings.model_store import ModelStore
from seaway.settings.models import Models
from seaway.settings.monitor import Monitor
from seaway.settings.network import Network, Tls
from seaway.settings.operation import Drain, Logging, Metrics, Workers
from seaway.settings.operations import Operations
from seaway.settings.request_log import RequestLog
from seaway.settings.tracing import Tracing
from seaway.settings.trials import Trials


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server is told to do; the defaults alone are valid but name no model."""

    network: Network = field(default_factory=Network)
    tls: Tls = field(default_factory=Tls)
    models: Models = field(default_factory=Models)
    model_store: ModelStore = field(default_factory=ModelStore)
    follow: Follow = field(default_factory=Follow)
    engine: Engine = field(default_factory=Engine)
    trials: Trials = field(default_factory=Trials)
    batching: Batching = field(default_factory=Batching)
    queue: Queue = field(default_factory=Queue)
    operations: Operations = field(default_factory=Operations)
    request_log: RequestLog = field(default_factory=RequestLog)
    access_log: AccessLog = field(default_factory=AccessLog)
    tracing: Tracing = field(default_factory=Tracing)
    workers: Workers = field(default_factory=Workers)
    logging: Logging = field(default_factory=Logging)
    metrics: Metrics = field(default_factory=Metrics)
    monitor: Monitor = field(default_factory=Monitor)
    drain: Drain = field(default_factory=Drain)


def all_settings() -> tuple[Setting, ...]:
    """Return every declared setting, in the order of the reference page."""
    return declared(ServerSettings)
