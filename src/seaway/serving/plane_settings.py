"""What the compiled plane is told at its start: the settings that concern it, as its JSON document.

Source: crates/plane/src/settings.rs, which refuses a field it does not know.
"""

from __future__ import annotations

import json

from seaway.serving.plane_operations import plane_operations
from seaway.serving.plane_tracing import plane_tracing
from seaway.settings.certificates import read_certificates
from seaway.settings.cores import usable_cores
from seaway.settings.network import OFF, Network
from seaway.settings.secret import Secret
from seaway.settings.server import ServerSettings


def plane_settings(settings: ServerSettings, tokens: tuple[Secret, ...] = ()) -> str:
    """Return the document; `tokens` are those that a request needs one of.

    Raises:  InvalidArgument - a certificate file cannot be read, or webhooks are on without what they need, or
             what is said about traces cannot be read.
    """
    network = settings.network
    return json.dumps(
        {
            "grpc_address": _address(network.grpc_address, network.grpc_port),
            "grpc_socket": network.grpc_socket_path,
            "rest_address": _address(network.rest_address, network.rest_port),
            "rest_socket": network.rest_socket_path,
            "threads": network.threads or usable_cores(),
            **_limits(network),
            "cors": network.cors,
            "metrics_path": settings.metrics.path if settings.metrics.enabled else None,
            "tensor_content_outputs": settings.engine.enable_serialization_as_tensor_content,
            "check_method_names": settings.engine.enable_signature_method_name_check,
            "tls": _tls(settings),
            "reflection": network.reflection,
            "operations": plane_operations(settings.operations, usable_cores()),
            "admin_calls": network.admin_calls,
            "request_log": _request_log(settings),
            "access_log": {"path": settings.access_log.path, "sampling": settings.access_log.sampling},
            "tracing": plane_tracing(settings.tracing),
            **({"tokens": [token.reveal() for token in tokens]} if tokens else {}),
        }
    )


def _limits(network: Network) -> dict[str, int]:
    return {
        "max_message_bytes": network.max_message_bytes,
        "max_decompressed_bytes": network.max_decompressed_bytes,
        "rest_timeout_ms": network.rest_timeout_ms,
        "header_read_timeout_ms": network.header_read_timeout_ms,
    }


def _request_log(settings: ServerSettings) -> dict[str, object]:
    request_log = settings.request_log
    return {
        "max_file_bytes": request_log.max_file_bytes,
        "max_file_records": request_log.max_file_records,
        "max_file_age_ms": int(request_log.max_file_age_s * 1000),
        "max_total_bytes": request_log.max_total_bytes,
        "queue_bytes": request_log.queue_bytes,
        "mask": request_log.mask,
        "saved_model_tags": settings.engine.saved_model_tags,
    }


def _address(host: str, port: int) -> str | None:
    if port == OFF:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tls(settings: ServerSettings) -> dict[str, str | bool] | None:
    certificates = read_certificates(settings.tls)
    if certificates is None:
        return None
    return {
        "key": certificates.key.reveal(),
        "cert": certificates.cert,
        "client_ca": certificates.client_ca,
        "client_verify": certificates.client_verify,
    }
