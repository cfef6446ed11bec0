"""Whether and how requests of several clients share a run of the engine."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.settings.declaration import setting


@dataclass(frozen=True, slots=True)
class Batching:
    """Natural batching unless told otherwise: a free slot takes what waits, and an idle server never waits."""

    enabled: bool = setting(
        True,
        "Join requests that wait for the same signature, where joined rows are proven to be answered like single ones. "
        "Off: every request runs by itself.",
        flag="--batching",
        tensorflow_serving="enable_batching",
    )
    except_models: tuple[str, ...] = setting(
        (),
        "Models whose requests run by themselves all the same.",
        flag="--batching-except-models",
    )
    max_batch_size: int = setting(
        0,
        "Most rows that a request, or requests joined, may have. 0 joins up to 128 rows and runs larger requests by "
        "themselves.",
        flag="--max-batch-size",
        unit="rows",
        at_least=0,
        at_most=1000000,
    )
    batch_timeout_micros: int = setting(
        0,
        "Time that the first request of a batch waits for others. 0 takes what is there.",
        flag="--batch-timeout-micros",
        unit="microseconds",
        at_least=0,
        at_most=60000000,
    )
    parameters_file: str = setting(
        "",
        "Text-format BatchingParameters for all models, instead of the two settings above.",
        flag="--batching-parameters-file",
        tensorflow_serving="batching_parameters_file",
    )
    parameters_poll_wait_seconds: int = setting(
        0,
        "Interval at which the file, and those of the models, are read again and applied to what is loaded. 0 means "
        "never.",
        flag="--batching-parameters-poll-wait-seconds",
        unit="seconds",
        at_least=0,
        at_most=2147483647,
    )
    per_model_parameters: bool = setting(
        False,
        "Read `batching_params.pbtxt` in each version's directory; a version without one is not batched.",
        flag="--per-model-batching-parameters",
        tensorflow_serving="enable_per_model_batching_parameters",
    )
