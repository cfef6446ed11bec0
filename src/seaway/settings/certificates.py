"""The certificates that the settings name, read and checked before the server listens.

TensorFlow Serving ends with a crash when its SSL file is wrong; here the same mistakes are sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seaway.errors import InvalidArgument
from seaway.settings.network import Tls
from seaway.settings.secret import Secret


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM texts; `client_ca` is empty when client certificates are not asked for."""

    key: Secret
    cert: str
    client_ca: str
    client_verify: bool


def read_certificates(tls: Tls) -> Certificates | None:
    """Return the certificates of the gRPC API, or None when the settings ask for plain text.

    Raises:  InvalidArgument - a file cannot be read or holds no PEM, only one of key and certificate is there, or
             client certificates are demanded without a client CA.
    """
    key = _pem(tls.key.reveal(), tls.key_file, "key")
    cert = _pem(tls.cert, tls.cert_file, "cert")
    client_ca = _pem(tls.client_ca, tls.client_ca_file, "client_ca")
    if not key and not cert:
        if client_ca or tls.client_verify:
            raise InvalidArgument("client certificates need TLS: set tls.key_file and tls.cert_file as well")
        return None
    if not key or not cert:
        missing, there = ("tls.key_file", "tls.cert_file") if not key else ("tls.cert_file", "tls.key_file")
        raise InvalidArgument(f"{missing} is empty while {there} is set; TLS needs both")
    if tls.client_verify and not client_ca:
        raise InvalidArgument("tls.client_verify is true but there is no client CA; set tls.client_ca_file")
    return Certificates(Secret(key), cert, client_ca, tls.client_verify)


def _pem(inline: str, file: str, name: str) -> str:
    if inline and file:
        raise InvalidArgument(f"tls.{name} and tls.{name}_file are both set; keep one of them")
    text = inline or (_read(file, name) if file else "")
    if text and "-----BEGIN " not in text:
        source = f"tls.{name}_file {file!r}" if file else f"tls.{name}"
        raise InvalidArgument(f"{source} holds no PEM block; it must contain a line that starts with -----BEGIN")
    return text


def _read(file: str, name: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"tls.{name}_file {file!r} cannot be read: {err}") from err
