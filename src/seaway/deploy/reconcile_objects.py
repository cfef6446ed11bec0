"""From the objects that should be and those that are to a plan, where an orchestrator runs the replicas. Pure.

An object is made where it is missing, changed where it was made from something else or is not as told, and removed
where it is no longer described: first what others need, removals last and in the opposite order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import field, structs

from seaway.deploy.observed import Observed, ObservedObject
from seaway.deploy.operations import ApplyObject, RemoveObject
from seaway.deploy.plan import Plan, Step
from seaway.fleet.data import Data, digest

_MOST_CHANGES = 3
_LONGEST_VALUE = 40


class WantedObject(Data, frozen=True):
    """An object as it is to be; `body` holds no secret."""

    kind: str
    name: str
    body: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 300.0

    @property
    def digest(self) -> str:
        """Equal for objects that are the same."""
        return digest((self.kind, self.name, self.body))


def reconcile_objects(
    wanted: Sequence[WantedObject], observed: Observed, is_dispensable: Callable[[str], bool] = lambda _: False
) -> Plan:
    """Return what turns the observed objects into the wanted ones; `wanted` is in the order in which they are made.

    Steps about an object whose name `is_dispensable` come last, and may fail.
    """
    there = {(each.kind, each.name): each for each in observed.objects}
    steps = [step for each in wanted for step in _applied(each, there.get((each.kind, each.name)))]
    names = {(each.kind, each.name) for each in wanted}
    gone = [each for each in observed.objects if (each.kind, each.name) not in names]
    steps += [Step(RemoveObject(each.kind, each.name), "it is no longer described") for each in reversed(gone)]
    spared = [step for step in steps if is_dispensable(_name(step))]
    needed = [step for step in steps if not is_dispensable(_name(step))]
    return Plan((*needed, *(structs.replace(step, dispensable=True) for step in spared)))


def teardown_objects(observed: Observed, cause: str, is_first: Callable[[str], bool] = lambda _: False) -> Plan:
    """Return what leaves no object; those whose name `is_first` go before all others."""
    removed = sorted(reversed(observed.objects), key=lambda each: not is_first(each.name))
    return Plan(tuple(Step(RemoveObject(each.kind, each.name), cause) for each in removed))


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return what differs, for instance `spec.replicas 3 → 5`, and how much more there is."""
    found = [
        f"{path} {_shown(old)} → {_shown(new)}" if path else f"{_shown(old)} → {_shown(new)}"
        for path, old, new in _differences(before, after, "")
    ]
    more = len(found) - _MOST_CHANGES
    return ", ".join(found[:_MOST_CHANGES]) + (f" and {more} more" if more > 0 else "")


def _name(step: Step) -> str:
    operation = step.operation
    return operation.name if isinstance(operation, ApplyObject | RemoveObject) else ""


def _applied(wanted: WantedObject, there: ObservedObject | None) -> Iterator[Step]:
    if there is not None and there.digest == wanted.digest and not there.problem:
        return
    if there is None:
        cause = "it is not there yet"
    elif there.digest != wanted.digest:
        cause = changes(there.body, wanted.body) or "it was made from something else"
    else:
        cause = there.problem
    old = there.body if there is not None else {}
    yield Step(ApplyObject(wanted.kind, wanted.name, wanted.digest, wanted.body, old, wanted.timeout_s), cause)


def _differences(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}, key=str):
            yield from _differences(before.get(key), after.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from _differences(old, new, f"{path}[{number}]")
    elif before != after:
        yield path, before, after


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
