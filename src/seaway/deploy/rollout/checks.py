"""What a monitor has to say against a rollout: checks of the description that do not hold, alerts that began to fire.

`look` asks; `broken` is pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from seaway.deploy.description.schema import Check
from seaway.deploy.description.schema import Rollout as Settings
from seaway.deploy.measurements import Firing, Measurements
from seaway.deploy.rollout.record import Rollout

EVERY = "*"


@dataclass(frozen=True, slots=True)
class Measured:
    """What was found: the values of each check by its name, and what fires."""

    values: Mapping[str, tuple[float, ...]]
    firing: tuple[Firing, ...]


def look(measurements: Measurements, settings: Settings, rollout: Rollout) -> Measured:
    """Ask what the settings want to know. Raises as `Measurements` does."""
    values = {check.name: measurements.values(asked(check, rollout)) for check in settings.checks}
    return Measured(values, measurements.firing() if settings.alerts else ())


def asked(check: Check, rollout: Rollout) -> str:
    """Return a check's question about this rollout. `$model`, `$version` and `$live` are replaced, nothing else is."""
    names = {"model": rollout.model, "version": str(rollout.candidate), "live": str(rollout.live)}
    return Template(check.query).safe_substitute(names)


def broken(settings: Settings, measured: Measured, rollout: Rollout) -> str:
    """Return what speaks against the candidate; empty when nothing does.

    A check without an answer says nothing. An alert counts when its condition became true after the rollout began and
    its labels do not say that it is about another model or version.
    """
    for check in settings.checks:
        for value in measured.values.get(check.name, ()):
            if said := _outside(check, value):
                return f"check `{check.name}` is {value:.4g}, {said}"
    for alert in measured.firing:
        if (EVERY in settings.alerts or alert.name in settings.alerts) and _concerns(alert, rollout):
            return f"alert {alert.name} fires" + (f": {alert.summary}" if alert.summary else "")
    return ""


def _outside(check: Check, value: float) -> str:
    if check.max is not None and value > check.max:
        return f"allowed are at most {check.max:g}"
    if check.min is not None and value < check.min:
        return f"allowed are at least {check.min:g}"
    return ""


def _concerns(alert: Firing, rollout: Rollout) -> bool:
    about = alert.labels.get("model", rollout.model) == rollout.model
    version = alert.labels.get("version", "") in {"", str(rollout.candidate)}
    return about and version and alert.since >= rollout.begun_at
