"""Certificates that are complete, half there, or no certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from seaway.errors import InvalidArgument
from seaway.settings.certificates import Certificates, read_certificates
from seaway.settings.network import Tls
from seaway.settings.secret import Secret

PEM = "-----BEGIN SOMETHING-----\nAAAA\n-----END SOMETHING-----\n"


def test_without_any_certificate_the_api_is_plain_text() -> None:
    assert read_certificates(Tls()) is None


def test_key_and_certificate_are_read_from_files(tmp_path: Path) -> None:
    for name in ("key", "cert", "ca"):
        (tmp_path / name).write_text(PEM)
    tls = Tls(str(tmp_path / "key"), str(tmp_path / "cert"), str(tmp_path / "ca"), client_verify=True)
    assert read_certificates(tls) == Certificates(Secret(PEM), PEM, PEM, True)


def test_key_and_certificate_can_be_given_as_texts() -> None:
    assert read_certificates(Tls(key=Secret(PEM), cert=PEM)) == Certificates(Secret(PEM), PEM, "", False)


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        pytest.param({"key": Secret(PEM)}, "tls.cert_file is empty while tls.key_file is set", id="no-certificate"),
        pytest.param({"cert": PEM}, "tls.key_file is empty while tls.cert_file is set", id="no-key"),
        pytest.param({"client_verify": True}, "client certificates need TLS", id="verify-without-tls"),
        pytest.param({"key": Secret(PEM), "cert": PEM, "client_verify": True}, "no client CA", id="verify-without-ca"),
        pytest.param({"key": Secret("x"), "cert": PEM}, "tls.key holds no PEM block", id="not-pem"),
        pytest.param({"key": Secret(PEM), "cert": PEM, "cert_file": "c"}, "are both set", id="text-and-file"),
        pytest.param({"key_file": "/nonexistent/key", "cert": PEM}, "cannot be read", id="no-such-file"),
    ],
)
def test_an_incomplete_set_is_refused(tls: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        read_certificates(Tls(**tls))
