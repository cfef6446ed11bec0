"""How model stores that are URLs are read: how often, how patiently, and where copies of their versions are kept."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.settings.declaration import setting


@dataclass(frozen=True, slots=True)
class ModelStore:
    """Model stores behind `s3://`, `gs://`, `http://` and `https://`; of no effect on directories."""

    poll_wait_seconds: float = setting(
        10.0,
        "Interval at which a model store that is a URL is searched for new versions. It is searched once, or never, "
        "where `models.file_system_poll_wait_seconds` says so.",
        flag="--model-store-poll-wait-seconds",
        unit="seconds",
        at_least=0.1,
        at_most=86400,
    )
    list_timeout_s: float = setting(
        30.0,
        "Longest time of one search. A store that does not answer leaves what is served as it is.",
        flag="--model-store-list-timeout-s",
        unit="seconds",
        at_least=1,
        at_most=3600,
    )
    fetch_timeout_s: float = setting(
        3600.0,
        "Longest time that the files of one version may take to come. `models.load_timeout_s` begins after it.",
        flag="--model-store-fetch-timeout-s",
        unit="seconds",
        at_least=1,
        at_most=604800,
    )
    fetch_files_at_once: int = setting(
        4,
        "Files of one version that are fetched at the same time.",
        flag="--model-store-fetch-files-at-once",
        unit="files",
        at_least=1,
        at_most=64,
    )
    cache_directory: str = setting(
        "",
        "Where copies of versions are kept, for all servers of a machine that name the same directory. Empty means "
        "`models` in `engine.cache_directory`. It has to be on a disk of this machine.",
        flag="--model-store-cache-directory",
    )
    cache_max_bytes: int = setting(
        53687091200,
        "Most that the copies may take together. Those not used for longest go first, never one that is loaded; a "
        "version that does not fit is not loaded. 0 means what the disk has room for.",
        flag="--model-store-cache-max-bytes",
        unit="bytes",
        at_least=0,
        at_most=9223372036854775807,
    )
