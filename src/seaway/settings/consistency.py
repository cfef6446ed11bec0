"""Settings that are each allowed but make no sense together.

These checks need the whole value and not one setting, so they stand apart from the declarations. They look at nothing
but the value: whether a port is free or a directory exists is found out by whoever uses it.
"""

from __future__ import annotations

from seaway.errors import InvalidArgument
from seaway.settings.engine import Engine
from seaway.settings.network import OFF, Network
from seaway.settings.request_log import RequestLog
from seaway.settings.server import ServerSettings


def check(settings: ServerSettings) -> None:
    """Raise unless the settings describe a server that can serve something somewhere.

    Raises:  InvalidArgument - no model is named or twice, nothing would listen, both APIs would listen on one port,
             operations of TensorFlow's are to be loaded by another engine, or one file of the request log may be larger
             than all of them.
    """
    _check_models(settings)
    _check_listeners(settings.network)
    _check_engine(settings.engine)
    _check_request_log(settings.request_log)
    if settings.workers.restart_backoff_s > settings.workers.restart_backoff_max_s:
        raise InvalidArgument(
            f"workers.restart_backoff_s ({settings.workers.restart_backoff_s}) is above workers.restart_backoff_max_s "
            f"({settings.workers.restart_backoff_max_s}); raise the second or lower the first"
        )


def _check_models(settings: ServerSettings) -> None:
    models, follow = settings.models, settings.follow
    named = models.model_base_path or models.model_config_file
    if not named and not follow.directory:
        raise InvalidArgument("nothing to serve: give the directory of a model, or a list of models with --config FILE")
    if follow.directory and named:
        raise InvalidArgument(
            f"follow.directory {follow.directory!r} and {named!r} both say what is served; keep one of them"
        )
    if follow.directory and not follow.store:
        raise InvalidArgument(
            "follow.directory needs follow.store: say where the model store is with --model-store DIR"
        )


def _check_listeners(network: Network) -> None:
    listens = (
        network.grpc_port != OFF or network.rest_port != OFF or network.grpc_socket_path or network.rest_socket_path
    )
    if not listens:
        raise InvalidArgument(
            "nothing would listen: set network.grpc_port, network.rest_port or one of the socket paths"
        )
    if network.grpc_port == network.rest_port and network.grpc_port > 0:
        raise InvalidArgument(
            f"network.grpc_port and network.rest_port are both {network.grpc_port}; give one of them another port"
        )


def _check_engine(engine: Engine) -> None:
    if engine.custom_op_libraries and engine.engine not in {"auto", "tensorflow"}:
        raise InvalidArgument(
            f"engine.custom_op_libraries are TensorFlow's, and engine.engine is {engine.engine}; drop one of them"
        )


def _check_request_log(request_log: RequestLog) -> None:
    if request_log.max_file_bytes > request_log.max_total_bytes:
        raise InvalidArgument(
            f"request_log.max_file_bytes ({request_log.max_file_bytes}) is above request_log.max_total_bytes "
            f"({request_log.max_total_bytes}); raise the second or lower the first"
        )
