"""From TensorFlow Serving's flags to our settings.

Most flags name a setting, and the declaration of that setting names the flag, so those are copied by table. The rest is
here: flags that point to a file in TensorFlow Serving's own formats, pairs that exclude each other, and the flags which
cannot have an effect and are therefore named, once, in a warning.

What no flag says comes from a base: the `SEAWAY_*` variables and the settings file, so that for instance JSON logs can
be had under an unchanged command line.

Source: tensorflow_serving/model_servers/server.cc, Server::BuildAndStart, for checks, their order and their texts
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf import text_format

from seaway.cli.tensorflow_model_server.flags import FLAGS, Flag, Value
from seaway.cli.tensorflow_model_server.parse import ParsedFlags
from seaway.errors import InvalidArgument, Unimplemented
from seaway.protos import message
from seaway.settings.batching_parameters import read_batching_parameters
from seaway.settings.declaration import Setting
from seaway.settings.effective import Effective, load, replaced
from seaway.settings.network import OFF
from seaway.settings.secret import Secret
from seaway.settings.server import ServerSettings, all_settings
from seaway.settings.session_config import read_text_message
from seaway.settings.values import from_typed

_FROM_FILES = frozenset({"monitoring_config_file"})
_OWN_DEFAULTS: Mapping[str, Any] = {
    "engine.engine": "tensorflow",
    "network.rest_port": OFF,
    "metrics.enabled": False,
    "models.model_name": "default",
    "models.num_load_threads": 1,
    "models.num_unload_threads": 1,
}
_METRICS_PATH = "/monitoring/prometheus/metrics"
_MESSAGE_LIMIT = "grpc.max_receive_message_length"
_POOLS = "num_tflite_pools"
_SESSION_FLAGS = (
    "tensorflow_session_parallelism",
    "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism",
)


def to_settings(flags: ParsedFlags, base: Effective | None = None) -> tuple[ServerSettings, tuple[str, ...]]:
    """Return the settings that a command line asks for, and the warnings to log; `base` defaults to the defaults.

    Raises:  InvalidArgument - flags contradict each other, a value is out of bounds, or a file that a flag names cannot
             be read or parsed. Unimplemented - a flag asks for protection that cannot be given.
    """
    base = base or load({}, {})
    warnings: list[str] = []
    values = {path: value for path, value in _OWN_DEFAULTS.items() if base.origins[path] == "default"}
    values |= _directly(flags)
    _check_combinations(flags, replaced(base.settings, values))
    values |= _parallelism(flags) | _interpreters(flags) | _monitoring(flags) | _tls(flags)
    values |= _batching(flags) | _platform(flags) | _channel_arguments(flags, warnings)
    values |= _distinct_ports(replaced(base.settings, values), warnings)
    return replaced(base.settings, values), (*warnings, *_without_effect(flags))


def settings_of(flag: Flag) -> tuple[Setting, ...]:
    """Return the settings whose declaration names a flag."""
    return tuple(setting for setting in all_settings() if setting.declaration.tensorflow_serving == flag.name)


def _directly(flags: ParsedFlags) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for flag in FLAGS:
        if flag.name not in flags.given or flag.name in _FROM_FILES:
            continue
        for setting in settings_of(flag):
            value = _converted(flag.name, flags.given[flag.name])
            values[setting.path] = from_typed(setting, value, f"--{flag.name}")
    return values


def _converted(name: str, value: Value) -> Any:
    match name:
        case "port" | "rest_api_port":
            return value or OFF
        case "num_load_threads" | "num_unload_threads":
            return max(1, int(value))
        case "num_tflite_pools":
            return 0  # a product, see _interpreters
        case "file_system_poll_wait_seconds":
            return max(-1, int(value))
        case "saved_model_tags":
            return str(value).split(",")
        case _:
            return value


def _check_combinations(flags: ParsedFlags, settings: ServerSettings) -> None:
    if settings.network.grpc_port == OFF and not settings.network.grpc_socket_path:
        raise InvalidArgument(
            "At least one of server_options.grpc_port or server_options.grpc_socket_path must be set."
        )
    if flags.value("use_alts_credentials"):
        if flags.text("ssl_config_file"):
            raise InvalidArgument("Either use_alts_credentials must be false or ssl_config_file must be empty.")
        raise Unimplemented("use_alts_credentials is not supported; use --ssl_config_file to protect the gRPC API")
    if not settings.models.model_base_path and not settings.models.model_config_file:
        raise InvalidArgument("Both server_options.model_base_path and server_options.model_config_file are empty!")


def _parallelism(flags: ParsedFlags) -> dict[str, Any]:
    both, intra, inter = (flags.number(name) for name in _SESSION_FLAGS)
    if both > 0 and intra > 0 and inter > 0:
        raise InvalidArgument(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all."
        )
    if both > 0 and intra <= 0 and inter <= 0:
        return {"engine.intra_op_parallelism": both, "engine.inter_op_parallelism": both}
    return {}


def _interpreters(flags: ParsedFlags) -> dict[str, Any]:
    """Return the interpreters per version where a flag says how many; without the first there are enough for all."""
    if _POOLS not in flags.given:
        return {}
    wanted = max(1, flags.number(_POOLS)) * max(1, flags.number("num_tflite_interpreters_per_pool"))
    interpreters = next(setting for setting in all_settings() if setting.declaration.tensorflow_serving == _POOLS)
    return {interpreters.path: min(wanted, int(interpreters.declaration.at_most or wanted))}


def _monitoring(flags: ParsedFlags) -> dict[str, Any]:
    file = flags.text("monitoring_config_file")
    if not file:
        return {}
    prometheus = read_text_message(
        "tensorflow.serving.MonitoringConfig", file, "--monitoring_config_file"
    ).prometheus_config
    return {"metrics.enabled": prometheus.enable, "metrics.path": prometheus.path or _METRICS_PATH}


def _tls(flags: ParsedFlags) -> dict[str, Any]:
    file = flags.text("ssl_config_file")
    if not file:
        return {}
    ssl = read_text_message("tensorflow.serving.SSLConfig", file, "--ssl_config_file")
    if not ssl.server_key or not ssl.server_cert:
        raise InvalidArgument(f"--ssl_config_file {file!r} must hold both server_key and server_cert, as PEM texts")
    return {
        "tls.key": Secret(ssl.server_key),
        "tls.cert": ssl.server_cert,
        "tls.client_ca": ssl.custom_ca,
        "tls.client_verify": ssl.client_verify,
    }


def _batching(flags: ParsedFlags) -> dict[str, Any]:
    file = flags.text("batching_parameters_file")
    if not file or flags.text("platform_config_file"):
        return {}
    if not flags.value("enable_batching"):
        raise InvalidArgument(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
        )
    read_batching_parameters(file, "--batching_parameters_file", cores=1)  # a mistake in it ends the start
    return {}


def _platform(flags: ParsedFlags) -> dict[str, Any]:
    """Take the session configuration of the tensorflow platform; fields that are not known here are passed over."""
    file = flags.text("platform_config_file")
    if not file:
        return {}
    platforms = read_text_message(
        "tensorflow.serving.PlatformConfigMap", file, "--platform_config_file", allow_unknown_field=True
    ).platform_configs
    if "tensorflow" not in platforms:
        raise InvalidArgument(f"--platform_config_file {file!r} configures no platform 'tensorflow'")
    adapter = message("tensorflow.serving.SavedModelBundleSourceAdapterConfig")()
    if not platforms["tensorflow"].source_adapter_config.Unpack(adapter):
        raise InvalidArgument(
            f"--platform_config_file {file!r}: platform 'tensorflow' needs a source_adapter_config of the type "
            f"tensorflow.serving.SavedModelBundleSourceAdapterConfig"
        )
    session = text_format.MessageToString(adapter.legacy_config.session_config)
    cleared = {"engine.session_config_file": "", "engine.intra_op_parallelism": 0, "engine.inter_op_parallelism": 0}
    return cleared | {"engine.session_config": session, "engine.per_process_gpu_memory_fraction": 0.0}


def _channel_arguments(flags: ParsedFlags, warnings: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    unused: list[str] = []
    for argument in filter(None, flags.text("grpc_channel_arguments").split(",")):
        key, equals, value = argument.partition("=")
        if not equals:
            raise InvalidArgument(f"--grpc_channel_arguments: {argument!r} has no value; write key=value")
        if key == _MESSAGE_LIMIT:
            values |= _message_limit(value)
        else:
            unused.append(key)
    if unused:
        warnings.append(f"gRPC channel arguments without effect here: {', '.join(unused)}")
    return values


def _message_limit(text: str) -> dict[str, Any]:
    """Return the limit that a channel argument sets; -1 is gRPC's word for none, which the default already is."""
    if text == "-1":
        return {}
    limit = next(setting for setting in all_settings() if setting.path == "network.max_message_bytes")
    value: Any = int(text) if text.isdecimal() else text
    return {limit.path: from_typed(limit, value, f"--grpc_channel_arguments: {_MESSAGE_LIMIT}")}


def _distinct_ports(settings: ServerSettings, warnings: list[str]) -> dict[str, Any]:
    if settings.network.rest_port == OFF or settings.network.rest_port != settings.network.grpc_port:
        return {}
    warnings.append(
        "server_options.http_port cannot be same as grpc_port. Please use a different port for HTTP/REST API. "
        "Skipped exporting HTTP/REST API."
    )
    return {"network.rest_port": OFF}


def _without_effect(flags: ParsedFlags) -> Iterator[str]:
    ignored = [flag.name for flag in FLAGS if flag.effect == "none" and _asks_for_more(flag, flags)]
    if ignored:
        yield f"flags without effect here: {', '.join(ignored)}"


def _asks_for_more(flag: Flag, flags: ParsedFlags) -> bool:
    return flag.name in flags.given and flags.given[flag.name] != flag.stated
