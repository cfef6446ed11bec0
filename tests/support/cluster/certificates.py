"""The certificates of a cluster: its own authority, the API server's, and one for each user."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.cluster.programs import run

_DAYS = "2"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Signs certificates; all lie in one directory."""

    directory: Path

    @property
    def certificate(self) -> Path:
        """What those trust who believe it."""
        return self.directory / "ca.crt"

    def make(self) -> Authority:
        """Make its own key and certificate."""
        self.directory.mkdir(parents=True, exist_ok=True)
        key = self.directory / "ca.key"
        run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", _DAYS, "-subj", "/CN=seaway-test",
            "-keyout", str(key), "-out", str(self.certificate))  # fmt: skip
        return self

    def sign(self, name: str, user: str, group: str = "", addresses: str = "") -> Pair:
        """Make the certificate of a user of a group, or of a server at addresses (`IP:…,DNS:…`)."""
        pair = Pair(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        subject = (f"/O={group}" if group else "") + f"/CN={user}"
        run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout", str(pair.key),
            "-out", str(request))  # fmt: skip
        names = f"subjectAltName={addresses}\n" if addresses else ""
        extensions.write_text(f"extendedKeyUsage=serverAuth,clientAuth\n{names}")
        run("openssl", "x509", "-req", "-in", str(request), "-CA", str(self.certificate),
            "-CAkey", str(self.directory / "ca.key"), "-CAcreateserial", "-days", _DAYS, "-extfile", str(extensions),
            "-out", str(pair.certificate))  # fmt: skip
        return pair
