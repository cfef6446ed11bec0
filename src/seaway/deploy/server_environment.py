"""The settings of the servers as variables, checked before anything is started."""

from __future__ import annotations

from typing import Any

from seaway.deploy.description.schema import Server
from seaway.errors import InvalidArgument
from seaway.settings.declaration import Setting
from seaway.settings.server import all_settings
from seaway.settings.values import from_typed

LAME_DUCK_S = 3.0
"""Time a replica goes on answering after it has said that it leaves: Traefik looks every second, twice to be sure."""

_OURS = {
    "follow": "what is served is published by the deployment",
    "monitor": "the deployment has a monitor of its own, described under `monitor`",
    "models": "models are described under `models`",
    "tls": "encryption is described under `server.tls`",
}
_OWN_SETTINGS = {
    "network.grpc_address",
    "network.grpc_port",
    "network.grpc_socket_path",
    "network.rest_address",
    "network.rest_port",
    "network.rest_socket_path",
    "network.ports_file",
    "network.tokens_file",
    "drain.drain_timeout_s",
    "drain.lame_duck_s",
    "metrics.enabled",
    "request_log.directory",
}
_MODELS_ALLOWED = {
    "models.settle_seconds",
    "models.num_load_threads",
    "models.num_unload_threads",
    "models.max_num_load_retries",
    "models.load_retry_interval_micros",
    "models.load_timeout_s",
    "models.load_policy",
    "models.total_model_memory_limit_bytes",
    "models.isolation",
    "models.enable_model_warmup",
    "models.num_request_iterations_for_warmup",
}


def server_environment(server: Server) -> dict[str, str]:
    """Return the variables of each replica.

    Raises:  InvalidArgument - a setting does not exist, is the deployment's own, or has a value that is not allowed.
    """
    known = {setting.path: setting for setting in all_settings()}
    variables = dict(server.env)
    for path, value in _flat(server.settings):
        setting = known.get(path)
        if setting is None:
            raise InvalidArgument(
                f"server.settings.{path} is no setting of `seaway serve`; docs/configuration.md lists all"
            )
        _refuse_own(path)
        checked = from_typed(setting, value, f"server.settings.{path}")
        variables[setting.declaration.env] = _text(setting, checked)
    variables["SEAWAY_DRAIN_TIMEOUT_S"] = f"{server.drain_timeout_s:g}"
    variables.setdefault("SEAWAY_LAME_DUCK_S", f"{LAME_DUCK_S:g}")
    return variables


def _flat(settings: dict[str, Any]) -> list[tuple[str, Any]]:
    found = []
    for group, members in settings.items():
        if not isinstance(members, dict):
            raise InvalidArgument(f"server.settings.{group} cannot be {members!r}; write settings by group")
        found += [(f"{group}.{name}", value) for name, value in members.items()]
    return found


def _refuse_own(path: str) -> None:
    group = path.partition(".")[0]
    reason = _OURS.get(group, "") if path not in _MODELS_ALLOWED else ""
    if path in _OWN_SETTINGS:
        reason = "the deployment sets it itself"
    if reason:
        raise InvalidArgument(f"server.settings.{path} cannot be set here: {reason}")


def _text(setting: Setting, value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return ",".join(value)
        case _:
            if setting.kind == "secret":
                raise InvalidArgument(f"server.settings.{setting.path} is a secret and cannot stand in seaway.yaml")
            return str(value)
