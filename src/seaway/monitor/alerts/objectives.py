"""Rules of what each model of a deployment promises. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seaway.fleet.data import Data
from seaway.monitor.alerts.rule import Rule
from seaway.monitor.generated.objective import enough_failures, error_ratio, latency
from seaway.monitor.generated.series import Catalogue, compiled
from seaway.monitor.query.quote import quoted


class Promise(Data, frozen=True):
    """What one model promises; None is no promise. Units: p99_s in seconds, memory_bytes of one loaded version."""

    model: str
    error_rate: float
    p99_s: float | None = None
    memory_bytes: int | None = None


def objective_rules(promises: Sequence[Promise]) -> tuple[Rule, ...]:
    """Return the rules that hold when a promise is broken, and still is."""
    catalogue = compiled()
    return tuple(rule for promise in promises for rule in _rules(catalogue, promise))


def _rules(catalogue: Catalogue, promise: Promise) -> Iterator[Rule]:
    of_model = f"model={quoted(promise.model)}"
    enough = enough_failures(catalogue, "30m", ("model",), of_model).text
    ratios = [error_ratio(catalogue, window, ("model",), of_model) for window in ("30m", "5m")]
    yield Rule(
        f"ObjectiveErrors ({promise.model})",
        " and ".join([*(ratio.compared(f"> {promise.error_rate!r}").text for ratio in ratios), enough]),
        severity="page",
        summary=f"{promise.model} fails {{{{ $value | humanizePercentage }}}}, promised {promise.error_rate:.4g}",
    )
    if promise.p99_s is not None:
        yield Rule(
            f"ObjectiveLatency ({promise.model})",
            latency(catalogue, 0.99, "5m", ("model",), of_model).compared(f"> {promise.p99_s!r}").text,
            for_s=300.0,
            summary=f"p99 of {promise.model} is {{{{ $value | humanizeDuration }}}}, promised {promise.p99_s:.4g} s",
        )
    if promise.memory_bytes is not None:
        memory = catalogue.series("seaway_worker_memory_bytes").where(of_model, 'kind="pss"')
        yield Rule(
            f"ObjectiveMemory ({promise.model})",
            memory.now().compared(f"> {promise.memory_bytes}").text,
            for_s=300.0,
            summary=(
                f"{promise.model} {{{{ $labels.version }}}} takes {{{{ $value | humanize }}}} bytes on "
                f"{{{{ $labels.instance }}}}, promised {promise.memory_bytes}"
            ),
        )
