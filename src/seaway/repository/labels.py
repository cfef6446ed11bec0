"""Which version a label means right now.

A label moves only to a version that is AVAILABLE, at the moment it becomes so; until then it stays where it was. The
exception is TensorFlow Serving's flag, by which a label that is new may name a version that is still to come.

Source: tensorflow_serving/model_servers/server_core.cc, UpdateModelVersionLabelMap.
"""

from __future__ import annotations

from collections.abc import Mapping

from seaway import errors
from seaway.repository.snapshot import ModelSnapshot
from seaway.repository.states import State


def resolve_labels(
    configured: Mapping[str, int],
    assigned: Mapping[str, int],
    model: ModelSnapshot,
    allow_unavailable: bool = False,
) -> dict[str, int]:
    """Return label → version as of now, given what was assigned before.

    A label whose worker is being restarted keeps its version: its users get UNAVAILABLE, not another model's answer.
    """
    resolved = {}
    for label, wanted in configured.items():
        before = assigned.get(label)
        if wanted in model.available:
            resolved[label] = wanted
        elif before is not None and model.state_of(before) not in {State.UNKNOWN, State.END}:
            resolved[label] = before
        elif before == wanted or (allow_unavailable and before is None):
            resolved[label] = wanted
    return resolved


def unassigned_label(
    name: str, configured: Mapping[str, int], resolved: Mapping[str, int]
) -> errors.FailedPrecondition | None:
    """Return the error of the first label that does not mean the version that the config gives it; None if all do."""
    for label, wanted in sorted(configured.items()):
        if resolved.get(label) != wanted:
            return errors.FailedPrecondition(
                f"Request to assign label to version {wanted} of model {name}, which is not currently available for "
                f"inference (label {label!r}; it will be assigned when the version becomes available)"
            )
    return None
