"""How the repository looks for versions and moves them: limits, intervals, patience.

The server's own settings (`settings.models`, `settings.operation`) are declared for operators; these values are what
the repository is given, so that it can be built and tested without them. What is a flag of TensorFlow Serving keeps its
name (units apart); the others bound what waits without end there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UrlOptions:
    """How model stores that are URLs are looked at, where every look is a question to somebody else."""

    poll_wait_s: float = 10.0
    """Seconds between two looks where directories are looked at again."""
    longest_wait_s: float = 60.0
    """Upper bound of the pause between looks at a store that does not answer; it doubles up to there."""
    list_timeout_s: float = 30.0
    """The longest time of one look."""
    fetch_timeout_s: float = 3600.0
    """The longest time that the files of one version may take to come."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How often, and how carefully, directories are looked at."""

    file_system_poll_wait_s: float = 1.0
    """Seconds between two looks; 0 looks until what is there has settled, then never again; negative never looks."""
    settle_s: float = 1.0
    """A complete version directory must lie unchanged this long before it is loaded."""
    incomplete_s: float = 10.0
    """A directory without a whole model in it is tried, and refused with a reason, after lying unchanged this long."""
    urls: UrlOptions = UrlOptions()


@dataclass(frozen=True, slots=True)
class RetryOptions:
    """What happens after a failed load and after a worker's death."""

    max_num_load_retries: int = 5
    """Further attempts after the first one failed for a reason that may pass."""
    load_retry_interval_s: float = 60.0
    """The longest pause between two attempts; pauses start at one second and double."""
    restart_first_s: float = 0.5
    """Pause before a dead worker is started again; doubles with each death in a row."""
    restart_longest_s: float = 60.0
    """Upper bound of that pause. Restarts themselves are not limited in number."""
    restart_forget_s: float = 60.0
    """A worker that lived this long counts as healthy: its next death is a first one."""


@dataclass(frozen=True, slots=True)
class ManagerOptions:
    """How many loads and unloads run at once, and how long each may take."""

    num_load_threads: int = 0
    """Loads at the same time; 0 means one after another."""
    num_unload_threads: int = 0
    """Unloads at the same time; 0 means one after another."""
    initial_load_threads: int = 4
    """Loads at the same time until everything that was found at start has been tried once."""
    patience_s: float = 5.0
    """A load or unload slower than this no longer keeps others waiting for its place."""
    load_timeout_s: float = 600.0
    """A load that takes longer is ended and counts as failed."""
    unload_timeout_s: float = 120.0
    """An unload that takes longer is no longer waited for."""
    total_model_memory_limit_bytes: int = 0
    """Sum of the estimates of loaded versions; 0 means no limit."""
    resource_preserving: bool = False
    """Unload the old version before the new one loads: less memory, and a gap in service."""
    ended_versions_kept: int = 16
    """Ended versions of a model whose last state stays visible."""
    ended_versions_kept_in_all: int = 256
    """The same over all models."""


@dataclass(frozen=True, slots=True)
class RepositoryOptions:
    """Everything the repository needs to know beside the list of models."""

    source: SourceOptions = SourceOptions()
    retry: RetryOptions = RetryOptions()
    manager: ManagerOptions = ManagerOptions()
    allow_version_labels_for_unavailable_models: bool = False
    """A new label may point at a version that is not loaded yet."""
    reload_timeout_s: float = 600.0
    """Longest wait of a reload for the models it brought; they go on loading after it."""
