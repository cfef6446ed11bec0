"""Which models are served, how their versions are found, and when they are loaded and unloaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seaway.settings.declaration import setting

LoadPolicy = Literal["availability_preserving", "resource_preserving"]
Isolation = Literal["process", "shared"]
Proof = Literal["require", "warn", "off"]


@dataclass(frozen=True, slots=True)
class Models:
    """The model store and the life of a version."""

    model_config_file: str = setting(
        "",
        "Text-format ModelServerConfig that lists the models. It takes precedence over `models.model_base_path`.",
        flag="--config",
        env="SEAWAY_MODEL_CONFIG_FILE",
        tensorflow_serving="model_config_file",
    )
    model_config_file_poll_wait_seconds: int = setting(
        0,
        "Interval at which the list of models is read again. 0 means never.",
        flag="--config-poll-wait-seconds",
        env="SEAWAY_MODEL_CONFIG_FILE_POLL_WAIT_SECONDS",
        unit="seconds",
        at_least=0,
        at_most=2147483647,
        tensorflow_serving="model_config_file_poll_wait_seconds",
    )
    model_name: str = setting(
        "",
        "Name of the single model below `models.model_base_path`. Empty means the name of that directory.",
        flag="--name",
        env="SEAWAY_MODEL_NAME",
        tensorflow_serving="model_name",
    )
    model_base_path: str = setting(
        "",
        "Directory or URL (`s3://`, `gs://`, `https://`) of a single model, with one numbered directory per version.",
        flag="--base-path",
        env="SEAWAY_MODEL_BASE_PATH",
        tensorflow_serving="model_base_path",
    )
    version_policy: str = setting(
        "latest:1",
        "Versions of the single model to serve: `latest:N`, `all` or `specific:V,V`.",
        flag="--version-policy",
        pattern=r"all|latest:[1-9]\d*|specific:\d+(,\d+)*",
        expects="latest:N with N at least 1, all, or specific:V,V",
    )
    file_system_poll_wait_seconds: int = setting(
        1,
        "Interval at which the model store is searched for new versions. 0 means once at the start, negative never.",
        flag="--file-system-poll-wait-seconds",
        unit="seconds",
        at_least=-1,
        at_most=2147483647,
        tensorflow_serving="file_system_poll_wait_seconds",
    )
    settle_seconds: float = setting(
        1.0,
        "Time for which a new version directory must be complete and unchanged before it is loaded.",
        flag="--settle-seconds",
        unit="seconds",
        at_least=0,
        at_most=3600,
    )
    num_load_threads: int = setting(
        2,
        "Versions that may load at the same time.",
        flag="--num-load-threads",
        unit="threads",
        at_least=1,
        at_most=256,
        tensorflow_serving="num_load_threads",
    )
    num_unload_threads: int = setting(
        2,
        "Versions that may unload at the same time.",
        flag="--num-unload-threads",
        unit="threads",
        at_least=1,
        at_most=256,
        tensorflow_serving="num_unload_threads",
    )
    max_num_load_retries: int = setting(
        5,
        "Times that a failed load is tried again before the version is given up.",
        flag="--max-num-load-retries",
        unit="retries",
        at_least=0,
        at_most=2147483647,
        tensorflow_serving="max_num_load_retries",
    )
    load_retry_interval_micros: int = setting(
        60000000,
        "Longest pause before a failed load is tried again; the first pauses are shorter.",
        flag="--load-retry-interval-micros",
        unit="microseconds",
        at_least=0,
        at_most=9223372036854775807,
        tensorflow_serving="load_retry_interval_micros",
    )
    load_timeout_s: float = setting(
        600.0,
        "Time that one load may take, from the start of the worker to the last warm-up record.",
        flag="--load-timeout-s",
        unit="seconds",
        at_least=1,
        at_most=86400,
    )
    load_policy: LoadPolicy = setting(
        "availability_preserving",
        "Whether a new version is loaded before the old one goes (needs memory for both), or after it.",
        flag="--load-policy",
    )
    total_model_memory_limit_bytes: int = setting(
        0,
        "Memory that all loaded versions may take together; what would not fit is not loaded. 0 means no limit.",
        flag="--total-model-memory-limit-bytes",
        unit="bytes",
        at_least=0,
        at_most=9223372036854775807,
    )
    isolation: Isolation = setting(
        "process",
        "One worker process per loaded version, or one that many small models share.",
        flag="--isolation",
    )
    enable_model_warmup: bool = setting(
        True,
        "Replay `assets.extra/tf_serving_warmup_requests` before a version becomes AVAILABLE.",
        flag="--enable-model-warmup",
        tensorflow_serving="enable_model_warmup",
    )
    num_request_iterations_for_warmup: int = setting(
        0,
        "Times that each warm-up record is replayed. 0 means once.",
        flag="--num-request-iterations-for-warmup",
        unit="repetitions",
        at_least=0,
        at_most=2147483647,
        tensorflow_serving="num_request_iterations_for_warmup",
    )
    proof: Proof = setting(
        "require",
        "What becomes of an exported version (one with `assets.extra/seaway.json`) whose recorded answers do not come "
        "out again: it stays out, it serves and its status says so, or nobody looks.",
        flag="--proof",
    )
    allow_version_labels_for_unavailable_models: bool = setting(
        False,
        "Accept a new label that points to a version which is not loaded yet.",
        flag="--allow-version-labels-for-unavailable-models",
        tensorflow_serving="allow_version_labels_for_unavailable_models",
    )
