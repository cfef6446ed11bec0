"""What a replica says of itself, at short intervals.

All counts grow for as long as the process lives and begin again at 0 with it (`started_at` tells), so whoever reads
two reports has the time between them. Requests are counted by what they mean for an objective: a client's mistake
is not the version's.
"""

from __future__ import annotations

from seaway.fleet.data import Data

DIRECTORY = "reports"


class VersionReport(Data, frozen=True):
    """One version of a model on this replica. `error` is empty unless it cannot be served."""

    version: int
    state: str
    error: str = ""
    engine: str = ""
    memory_bytes: int = 0


class ModelReport(Data, frozen=True):
    """One model on this replica. `problem` says why nothing was found to serve."""

    name: str
    versions: tuple[VersionReport, ...] = ()
    problem: str = ""


class Series(Data, frozen=True):
    """Requests that one version answered since it was loaded.

    `kind` is `live` for requests whose answer a client got, `shadow` for copies whose answer was only compared.
    `buckets` counts latencies: as many as `bounds` and one more for what is longer; it holds all requests.

    Units:   bounds_s, seconds_sum, queue_seconds_sum in seconds.
    """

    model: str
    version: int
    kind: str = "live"
    ok: int = 0
    client_errors: int = 0
    server_errors: int = 0
    bounds_s: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    seconds_sum: float = 0.0
    queue_seconds_sum: float = 0.0


class Comparison(Data, frozen=True):
    """Copies of requests that were also run on a candidate: how its answers compared with those that clients got."""

    model: str
    live: int
    candidate: int
    agreed: int = 0
    differed: int = 0
    failed: int = 0
    dropped: int = 0


class Report(Data, frozen=True):
    """One replica at one moment. `applied`: what `generation` asks of it is served; `problem` says why it is not.

    Units:   at, started_at in seconds since the Unix epoch; cpu_seconds of the server and all its workers together.
    """

    replica: str
    at: float
    started_at: float
    generation: int = 0
    applied: bool = False
    ready: bool = False
    problem: str = ""
    models: tuple[ModelReport, ...] = ()
    in_flight: int = 0
    queued: int = 0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    series: tuple[Series, ...] = ()
    comparisons: tuple[Comparison, ...] = ()

    def loading(self) -> tuple[tuple[str, VersionReport], ...]:
        """Return the versions that are on their way, each with the name of its model."""
        return tuple(
            (model.name, version)
            for model in self.models
            for version in model.versions
            if version.state in {"START", "LOADING"}
        )
