"""TLS as the options say it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from seaway.bench.tls import TlsFiles, read_tls
from seaway.errors import InvalidArgument

CERTIFICATES = Path(__file__).parents[2] / "certificates"
AUTHORITY, CERTIFICATE, KEY = (CERTIFICATES / name for name in ("authority.pem", "client.pem", "client-key.pem"))


def test_files_are_read_for_the_generator_and_for_python() -> None:
    tls = read_tls(TlsFiles(ca_file=AUTHORITY, cert_file=CERTIFICATE, key_file=KEY))
    assert tls.document() == {
        "authorities": AUTHORITY.read_text(),
        "certificate": CERTIFICATE.read_text(),
        "key": KEY.read_text(),
        "insecure": False,
    }
    assert tls.context().verify_mode is ssl.CERT_REQUIRED
    assert KEY.read_text() not in repr(tls)


def test_without_a_file_the_system_is_trusted_and_insecure_trusts_anybody() -> None:
    assert "BEGIN CERTIFICATE" in read_tls(TlsFiles(asked=True)).authorities
    anybody = read_tls(TlsFiles(insecure=True))
    assert (anybody.authorities, anybody.context().verify_mode) == ("", ssl.CERT_NONE)


@pytest.mark.parametrize(
    ("files", "part"),
    [
        pytest.param(TlsFiles(cert_file=CERTIFICATE), "belong together", id="no-key"),
        pytest.param(TlsFiles(ca_file=AUTHORITY, insecure=True), "keep one", id="both"),
        pytest.param(TlsFiles(ca_file=Path("none.pem")), "--ca-file 'none.pem' cannot be read", id="no-file"),
        pytest.param(TlsFiles(ca_file=KEY), "cannot be used", id="no-certificate"),
        pytest.param(
            TlsFiles(ca_file=AUTHORITY, cert_file=CERTIFICATE, key_file=CERTIFICATES / "server-key.pem"),
            "cannot be used",
            id="of-another",
        ),
    ],
)
def test_what_cannot_be_used_is_refused(files: TlsFiles, part: str) -> None:
    with pytest.raises(InvalidArgument, match=part):
        read_tls(files)
