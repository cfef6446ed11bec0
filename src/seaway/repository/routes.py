"""The table from which the plane answers: which model, label and version goes to which worker, and why not.

A pure function from what the repository knows and the channels that are open.

Source: apis/get_model_status.proto for states and errors of a version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from seaway.repository.ids import ServableId
from seaway.repository.snapshot import ModelView, RepositoryView, VersionSnapshot
from seaway.repository.states import State

Shown: TypeAlias = Mapping[ServableId, Mapping[str, object]]
"""What the list of models says of a loaded version beside its state: its engine, process, memory."""


WritePrefix: TypeAlias = Callable[[str], "str | None"]
"""Where the plane writes what goes to the prefix of a log; None if nowhere."""


def routes_json(
    view: RepositoryView,
    channels: Mapping[ServableId, int],
    shown: Shown | None = None,
    write_prefix: WritePrefix = str,
) -> str:
    """Return the complete table; only an AVAILABLE version is given its channel."""
    models = [
        {**_model(model, channels, shown or {}), **_request_log(model, write_prefix)}
        for _, model in sorted(view.items())
    ]
    return json.dumps({"models": models}, separators=(",", ":"))


def _model(model: ModelView, channels: Mapping[ServableId, int], shown: Shown) -> dict[str, object]:
    route: dict[str, object] = {
        "name": model.name,
        "labels": dict(sorted(model.labels.items())),
        "problem": model.problem.message if model.problem else "",
        "versions": [_version(version, channels, shown) for version in model.snapshot.versions],
    }
    if model.config is not None and model.config.traffic is not None:
        route["traffic"] = msgspec.to_builtins(model.config.traffic)
    return route


def _request_log(model: ModelView, write_prefix: WritePrefix) -> dict[str, object]:
    log = model.config.request_log if model.config is not None else None
    prefix = write_prefix(log.prefix) if log is not None else None
    if log is None or prefix is None:
        return {}
    return {"request_log": {"prefix": prefix, "sampling_rate": log.sampling_rate}}


def _version(version: VersionSnapshot, channels: Mapping[ServableId, int], shown: Shown) -> dict[str, object]:
    state = version.state
    return {
        "version": version.version,
        "state": state.state.name,
        "error_code": state.code,
        "error_message": state.message,
        "channel": channels.get(state.id) if state.state is State.AVAILABLE else None,
        **shown.get(state.id, {}),
    }
