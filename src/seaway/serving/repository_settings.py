"""What the repository is told: the operator's settings in its own terms.

Pure functions, but for reading the list of models.
"""

from __future__ import annotations

from pathlib import Path

from seaway.errors import InvalidArgument
from seaway.repository.options import ManagerOptions, RepositoryOptions, RetryOptions, SourceOptions, UrlOptions
from seaway.settings.follow import Follow
from seaway.settings.model_config import (
    AllVersions,
    LatestVersions,
    ModelConfig,
    ModelList,
    SpecificVersions,
    VersionPolicy,
    read_model_config_file,
)
from seaway.settings.model_store import ModelStore
from seaway.settings.models import Models
from seaway.settings.server import ServerSettings
from seaway.stores.url import is_remote, shown

_MICROS = 1_000_000


def repository_options(settings: ServerSettings) -> RepositoryOptions:
    """Return the options; times that the settings bound elsewhere keep the repository's own defaults."""
    models, workers = settings.models, settings.workers
    return RepositoryOptions(
        source=SourceOptions(
            file_system_poll_wait_s=float(models.file_system_poll_wait_seconds),
            settle_s=models.settle_seconds,
            urls=_url_options(settings.model_store),
        ),
        retry=RetryOptions(
            max_num_load_retries=models.max_num_load_retries,
            load_retry_interval_s=models.load_retry_interval_micros / _MICROS,
            restart_first_s=workers.restart_backoff_s,
            restart_longest_s=workers.restart_backoff_max_s,
        ),
        manager=ManagerOptions(
            num_load_threads=models.num_load_threads,
            num_unload_threads=models.num_unload_threads,
            load_timeout_s=models.load_timeout_s,
            # A version drains first, and its worker is asked twice before it is killed.
            unload_timeout_s=settings.drain.drain_timeout_s + 30.0,
            total_model_memory_limit_bytes=models.total_model_memory_limit_bytes,
            resource_preserving=models.load_policy == "resource_preserving",
        ),
        allow_version_labels_for_unavailable_models=models.allow_version_labels_for_unavailable_models,
        reload_timeout_s=models.load_timeout_s,
    )


def model_list(models: Models, follow: Follow | None = None) -> ModelList:
    """Return the models to serve at the start: those of the file, the single one, none of a server that follows.

    Raises:  SeawayError - the file cannot be read, an entry of it is wrong, or a model has no name.
    """
    if follow is not None and follow.directory:
        return ModelList()  # what is served is published
    if models.model_config_file:
        read = read_model_config_file(Path(models.model_config_file))
        read.raise_for_problems()
        return read
    path = models.model_base_path if "://" in models.model_base_path else str(Path(models.model_base_path).absolute())
    path = path.rstrip("/") if is_remote(path) else path
    name = models.model_name or Path(path).name
    if not name:
        raise InvalidArgument(f"the directory {shown(path)!r} gives the model no name; give one with --name")
    return ModelList((ModelConfig(name, path, version_policy=version_policy(models.version_policy)),))


def _url_options(store: ModelStore) -> UrlOptions:
    return UrlOptions(
        poll_wait_s=store.poll_wait_seconds,
        longest_wait_s=max(store.poll_wait_seconds, UrlOptions().longest_wait_s),
        list_timeout_s=store.list_timeout_s,
        fetch_timeout_s=store.fetch_timeout_s,
    )


def version_policy(text: str) -> VersionPolicy:
    """Return the policy that `latest:N`, `all` or `specific:V,V` describes; the setting has checked the form."""
    kind, _, argument = text.partition(":")
    match kind:
        case "all":
            return AllVersions()
        case "specific":
            return SpecificVersions(frozenset(int(version) for version in argument.split(",")))
        case _:
            return LatestVersions(int(argument))
