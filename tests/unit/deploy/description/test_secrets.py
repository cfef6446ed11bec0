"""Secrets of a deployment."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.deploy.description.read import parse
from seaway.deploy.description.secrets import identify, read_secrets
from seaway.deploy.state import StateDirectory
from seaway.errors import InvalidArgument

TEXT = """\
project: a
store: m
models: {m: {}}
server:
  tokens: [{env: APP_TOKEN}, {file: token}]
  tls: {certificate: cert.pem, key: key.pem}
"""
DESCRIPTION = parse(TEXT, "seaway.yaml", "", {})


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name, text in {"token": "second\n", "cert.pem": "cert", "key.pem": "key"}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_secrets_are_read_from_variables_and_files(base: Path) -> None:
    found = read_secrets(DESCRIPTION, base, {"APP_TOKEN": "first"})
    assert {name: secret.reveal() for name, secret in found.items()} == {
        "token-1": "first",
        "token-2": "second",
        "tls-certificate": "cert",
        "tls-key": "key",
    }


def test_plans_know_a_fingerprint_that_changes_with_the_secret_only(base: Path) -> None:
    state = StateDirectory(base / "state")

    def fingerprints(token: str) -> tuple[list[str], str]:
        found = read_secrets(DESCRIPTION, base, {"APP_TOKEN": token})
        known = identify(found, DESCRIPTION, state)
        assert token not in repr(known)
        return [each.fingerprint for each in known.secrets], known.fingerprints["tls"]

    first = fingerprints("first")
    assert fingerprints("first") == first
    (tokens, tls), (others, _) = first, fingerprints("other")
    assert tokens[0] != others[0]
    assert tokens[1] == others[1]
    (base / "cert.pem").write_text("renewed")
    assert fingerprints("first")[1] != tls
    another = identify(read_secrets(DESCRIPTION, base, {"APP_TOKEN": "first"}), DESCRIPTION, StateDirectory(base / "b"))
    assert another.secrets[0].fingerprint != tokens[0], "the key is another one"


def test_a_secret_that_is_not_there_is_named_by_its_place(base: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"server.tokens\[0\].env: the variable APP_TOKEN is not set"):
        read_secrets(DESCRIPTION, base, {})
    (base / "token").write_text("\n")
    with pytest.raises(InvalidArgument, match=r"server.tokens\[1\].file: .*token is empty"):
        read_secrets(DESCRIPTION, base, {"APP_TOKEN": "first"})
    (base / "token").unlink()
    with pytest.raises(InvalidArgument, match=r"server.tokens\[1\].file: .* cannot be read"):
        read_secrets(DESCRIPTION, base, {"APP_TOKEN": "first"})


def test_the_monitors_secrets_are_read_and_known_apart_from_those_of_the_servers(base: Path) -> None:
    text = """\
project: a
store: m
models: {m: {}}
server: {tokens: [{env: APP_TOKEN}]}
monitor: {password: {file: token}, notify: {team: {env: HOOK}}, rules: rules.yml}
"""
    description = parse(text, "seaway.yaml", "", {})
    (base / "rules.yml").write_text("groups: []")
    environ = {"APP_TOKEN": "first", "HOOK": "https://hooks.example.org/x"}
    found = read_secrets(description, base, environ)
    assert {name: secret.reveal() for name, secret in found.items() if name.startswith("monitor-")} == {
        "monitor-notify-team": "https://hooks.example.org/x",
        "monitor-password": "second",
        "monitor-rules": "groups: []",
    }
    known = identify(found, description, StateDirectory(base / "state"))
    assert [each.name for each in known.secrets] == ["token-1"]
    assert [each.name for each in known.monitor] == ["monitor-notify-team", "monitor-password", "monitor-rules"]
    without = parse(text.replace("{password", "{enabled: false, password"), "seaway.yaml", "", {})
    assert list(read_secrets(without, base, environ)) == ["token-1"], "a monitor that is off needs no secret"
