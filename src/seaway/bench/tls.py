"""TLS as the user asked for it: the files, read once, for the compiled generator and for Python's own few questions.

Source: ssl.create_default_context (Python) for what a system trusts.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seaway.errors import InvalidArgument

# Where distributions keep one file with everything that they trust, when OpenSSL was built to look elsewhere.
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What the command line says."""

    asked: bool = False
    """Whether an address without a protocol speaks TLS."""
    ca_file: Path | None = None
    """Authorities to trust; the system's when None."""
    cert_file: Path | None = None
    key_file: Path | None = None
    insecure: bool = False
    """Whether any certificate of the server will do."""

    def check(self) -> None:
        """Refuse options that contradict each other.

        Raises:  InvalidArgument - says which.
        """
        if (self.cert_file is None) != (self.key_file is None):
            raise InvalidArgument("--cert-file and --key-file belong together: give both, or neither")
        if self.insecure and self.ca_file is not None:
            raise InvalidArgument("--insecure trusts anybody and --ca-file does not; keep one of them")

    @property
    def any(self) -> bool:
        """Whether anything about TLS was said."""
        return self.asked or self.insecure or self.ca_file is not None or self.cert_file is not None


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS to one server; texts are PEM."""

    authorities: str
    certificate: str = ""
    key: str = field(default="", repr=False)
    insecure: bool = False
    client_files: tuple[str, str] | None = None
    """The certificate and its key once more, as Python's own connections take them."""

    def document(self) -> Mapping[str, Any]:
        """Return what the compiled generator is told."""
        return {
            "authorities": self.authorities,
            "certificate": self.certificate,
            "key": self.key,
            "insecure": self.insecure,
        }

    def context(self) -> ssl.SSLContext:
        """Return the same for Python's own connections."""
        context = ssl.create_default_context(cadata=self.authorities or None)
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.client_files is not None:
            context.load_cert_chain(*self.client_files)
        return context


def read_tls(files: TlsFiles) -> Tls:
    """Read what the options name; without a CA file, what the system trusts.

    Raises:  InvalidArgument - options contradict each other, or a file cannot be read or holds nothing usable.
    """
    files.check()
    authorities = "" if files.insecure else _read("--ca-file", files.ca_file or _system_authorities())
    if files.cert_file is None or files.key_file is None:
        tls = Tls(authorities, insecure=files.insecure)
    else:
        certificate, key = _read("--cert-file", files.cert_file), _read("--key-file", files.key_file)
        tls = Tls(authorities, certificate, key, files.insecure, (str(files.cert_file), str(files.key_file)))
    try:
        tls.context()
    except (ssl.SSLError, ValueError) as err:
        raise InvalidArgument(f"the files given for TLS cannot be used: {err}") from err
    return tls


def _system_authorities() -> Path:
    own = ssl.get_default_verify_paths().cafile
    found = next((path for path in map(Path, (own or "", *_BUNDLES)) if path.is_file()), None)
    if found is None:
        raise InvalidArgument("this system keeps no file of trusted certificates; name one with --ca-file")
    return found


def _read(option: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"{option} {str(path)!r} cannot be read: {err}") from err
