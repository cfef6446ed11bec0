"""How other engines are tried for a model behind the scenes; of effect with `engine: auto`."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.settings.declaration import setting


@dataclass(frozen=True, slots=True)
class Trials:
    """Which trials there are and what one may take."""

    enabled: bool = setting(
        True,
        "Try other installed engines for each model, and change to one that answers the same and is faster. "
        "Off: the engine that takes the files as they are.",
        flag="--engine-trials",
    )
    delay_s: float = setting(
        2.0,
        "Pause between the moment a version serves and its first trial.",
        flag="--engine-trials-delay-s",
        unit="seconds",
        at_least=0,
        at_most=86400,
    )
    timeout_s: float = setting(
        900.0,
        "Longest time of one trial; a server that is always busy leaves it little to run in.",
        flag="--engine-trials-timeout-s",
        unit="seconds",
        at_least=1,
        at_most=86400,
    )
    max_memory_bytes: int = setting(
        0,
        "Most memory of the processes of a trial. 0 means half of what is free when it begins.",
        flag="--engine-trials-max-memory-bytes",
        unit="bytes",
        at_least=0,
        at_most=1 << 50,
    )
    least_gain: float = setting(
        1.15,
        "Gain for which an engine is changed: the geometric mean of its throughput and its speed, relative to the "
        "engine before.",
        flag="--engine-trials-least-gain",
        unit="times",
        at_least=0,
        at_most=1000,
    )
    compare_non_finite: bool = setting(
        False,
        "Refuse an engine that answers inputs with NaN or infinities differently, too; otherwise that is only noted.",
        flag="--engine-trials-compare-non-finite",
    )
