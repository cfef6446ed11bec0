"""What grpcio is told about a connection, and what its failures mean.

Names with several records are balanced by grpcio itself, which resolves them again when one is lost. Retries are the
client's own, so grpcio makes none.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from seaway import extras
from seaway.client.address import Address
from seaway.client.exchange import Refusal
from seaway.client.options import Tls
from seaway.errors import DeadlineExceeded, FailedPrecondition, InvalidArgument, Unavailable, code_name

if TYPE_CHECKING:
    import grpc

ChannelOptions: TypeAlias = "tuple[tuple[str, int | str], ...]"

CHANNEL_OPTIONS: ChannelOptions = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5000),
)
_UNREACHED = ("failed to connect", "dns resolution failed", "name resolver", "connections to all backends failing")
_RETRY_AFTER = "retry-after"
_PUSHBACK_MS = "grpc-retry-pushback-ms"


def grpcio() -> Any:
    """Return the module `grpc`.

    Raises:  FailedPrecondition - it is not installed.
    """
    try:
        import grpc  # noqa: PLC0415 - optional, and takes 80 ms
        import grpc.aio  # noqa: PLC0415
    except ImportError as err:
        raise FailedPrecondition(f"gRPC needs the package grpcio ({err}): {extras.command('client')}") from err
    return grpc


def credentials(tls: Tls) -> grpc.ChannelCredentials:
    """Return what grpcio speaks TLS with.

    Raises:  InvalidArgument - a file cannot be read.
    """
    return grpcio().ssl_channel_credentials(_read(tls.ca_file), _read(tls.key_file), _read(tls.cert_file))


def refusal(error: grpc.RpcError, address: Address, timeout_s: float) -> Refusal:
    """Return what a failed call means."""
    code, details = int(error.code().value[0]), error.details() or ""
    if code == DeadlineExceeded.code:
        return Refusal(code, f"the server at {address} did not answer within {timeout_s:.3g} s: {details}")
    if code == Unavailable.code and any(word in details.lower() for word in _UNREACHED):
        message = f"no server answers at {address} ({details}); is it running, and is this its gRPC port?"
        return Refusal(code, message, answered=False)
    message = f"the server at {address} answered {code_name(code)}: {details}"
    return Refusal(code, message, _retry_after_s(error.trailing_metadata()))


def _retry_after_s(metadata: Any) -> float | None:
    said = {key: value for key, value in metadata or () if key in (_RETRY_AFTER, _PUSHBACK_MS)}
    try:
        if _PUSHBACK_MS in said:
            return max(0.0, int(said[_PUSHBACK_MS]) / 1000)
        return max(0.0, float(said[_RETRY_AFTER])) if _RETRY_AFTER in said else None
    except ValueError:
        return None


def _read(path: Path | str | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as err:
        raise InvalidArgument(f"{str(path)!r} cannot be read: {err}") from err
