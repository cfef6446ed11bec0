"""Where the server listens, what it accepts there, and with which certificates."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.settings.declaration import setting
from seaway.settings.secret import Secret

OFF = -1
"""The port number that means: do not listen on TCP."""


@dataclass(frozen=True, slots=True)
class Network:
    """Addresses, limits and the behaviour of both APIs."""

    grpc_address: str = setting(
        "0.0.0.0",
        "Address on which the gRPC API listens.",
        flag="--grpc-address",
        pattern=r"\S+",
        expects="a host name or address",
    )
    grpc_port: int = setting(
        8500,
        "Port of the gRPC API. 0 picks a free one, -1 does not listen on TCP.",
        flag="--grpc-port",
        unit="port",
        at_least=OFF,
        at_most=65535,
        tensorflow_serving="port",
    )
    grpc_socket_path: str = setting(
        "",
        "Unix socket on which the gRPC API listens as well. Empty means none.",
        flag="--grpc-socket-path",
        tensorflow_serving="grpc_socket_path",
    )
    rest_address: str = setting(
        "0.0.0.0",
        "Address on which the REST API listens.",
        flag="--rest-address",
        pattern=r"\S+",
        expects="a host name or address",
    )
    rest_port: int = setting(
        8501,
        "Port of the REST API. 0 picks a free one, -1 does not listen on TCP.",
        flag="--rest-port",
        unit="port",
        at_least=OFF,
        at_most=65535,
        tensorflow_serving="rest_api_port",
    )
    rest_socket_path: str = setting(
        "",
        "Unix socket on which the REST API listens as well. Empty means none.",
        flag="--rest-socket-path",
    )
    ports_file: str = setting(
        "",
        "File to write the addresses to, as JSON, once the server listens; for whoever let it pick its ports.",
        flag="--ports-file",
    )
    threads: int = setting(
        0,
        "Threads that receive, decode and encode for both APIs. 0 means one per usable core.",
        flag="--threads",
        unit="threads",
        at_least=0,
        at_most=1024,
    )
    max_message_bytes: int = setting(
        2147483647,
        "Largest request that either API accepts.",
        flag="--max-message-bytes",
        unit="bytes",
        at_least=1024,
        at_most=2147483647,
    )
    max_decompressed_bytes: int = setting(
        104857600,
        "Largest request after gzip or zstd is undone; what would grow beyond it is refused.",
        flag="--max-decompressed-bytes",
        unit="bytes",
        at_least=1024,
        at_most=2147483647,
    )
    rest_timeout_ms: int = setting(
        30000,
        "Time within which a REST request must be answered.",
        flag="--rest-timeout-ms",
        unit="milliseconds",
        at_least=1,
        at_most=2147483647,
        tensorflow_serving="rest_api_timeout_in_ms",
    )
    header_read_timeout_ms: int = setting(
        10000,
        "Time that a client has to send the head of a request, which keeps slow connections from piling up.",
        flag="--header-read-timeout-ms",
        unit="milliseconds",
        at_least=1,
        at_most=3600000,
    )
    cors: bool = setting(
        False,
        "Answer cross-origin requests of browsers on the REST API.",
        flag="--cors",
        tensorflow_serving="rest_api_enable_cors_support",
    )
    reflection: bool = setting(
        True,
        "Offer gRPC server reflection, so that tools such as grpcurl know the services.",
        flag="--reflection",
    )
    tokens_file: str = setting(
        "",
        "File of bearer tokens, one a line; a request without one of them is refused. Probes and metrics stay open. "
        "It is read again when it changes. Empty means that nobody needs a token.",
        flag="--tokens-file",
    )
    admin_calls: bool = setting(
        False,
        "Let clients of the REST API change how the server works: `PUT /v1/models/NAME/batching`. Whoever can send a "
        "prediction can then send these too.",
        flag="--admin-calls",
    )


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates of the gRPC API; all empty means plain text."""

    key_file: str = setting(
        "",
        "File with the private key of the server in PEM form. Turns on TLS for the gRPC API, with `tls.cert_file`.",
        flag="--tls-key-file",
    )
    cert_file: str = setting(
        "",
        "File with the certificate chain of the server in PEM form.",
        flag="--tls-cert-file",
    )
    client_ca_file: str = setting(
        "",
        "File with the certificates that client certificates must descend from, in PEM form.",
        flag="--tls-client-ca-file",
    )
    client_verify: bool = setting(
        False,
        "Demand a certificate from every client; needs a client CA.",
        flag="--tls-client-verify",
    )
    key: Secret = setting(
        Secret(),
        "The private key itself, instead of a file. There is no flag, since a command line is visible to other users.",
        flag="",
        env="SEAWAY_TLS_KEY",
    )
    cert: str = setting(
        "",
        "The certificate chain itself, instead of a file.",
        flag="",
        env="SEAWAY_TLS_CERT",
    )
    client_ca: str = setting(
        "",
        "The client CA itself, instead of a file.",
        flag="",
        env="SEAWAY_TLS_CLIENT_CA",
    )
