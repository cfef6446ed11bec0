"""Secrets of a deployment: read when they are needed, and known to plans and history by a fingerprint only.

A fingerprint is keyed with random bytes that stay in the state of the deployment: it tells whether a secret has
changed, and nobody who reads a plan can try out guesses.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import UNSET

from seaway.deploy.description.kinds import SecretSource
from seaway.deploy.description.monitoring import Monitor
from seaway.deploy.description.schema import Description
from seaway.deploy.desired import SecretRef
from seaway.deploy.state import StateStore
from seaway.errors import AlreadyExists, InvalidArgument
from seaway.settings.secret import Secret

KEY_NAME = "fingerprint-key"
TLS_KEY = "tls-key"
TLS_CERTIFICATE = "tls-certificate"
TOKEN = "token"
MONITOR_PASSWORD = "monitor-password"
MONITOR_NOTIFY = "monitor-notify-"
MONITOR_RULES = "monitor-rules"
_MONITOR = "monitor-"
_FINGERPRINT_LENGTH = 12
_KEY_BYTES = 32


def read_secrets(description: Description, base: Path, environ: Mapping[str, str]) -> dict[str, Secret]:
    """Return the secrets by name: `token-1` …, `tls-certificate` and `tls-key`, `monitor-password` and the like.

    The monitor's rules are among them: no secret, and a file whose content matters just as theirs does.

    Raises:  InvalidArgument - one is not there or empty; its place is named, never its value.
    """
    found = {
        f"{TOKEN}-{number}": _read(source, f"server.tokens[{number - 1}]", base, environ)
        for number, source in enumerate(description.server.tokens, start=1)
    }
    if description.server.tls is not UNSET:
        found[TLS_CERTIFICATE] = _from_file(base / description.server.tls.certificate, "server.tls.certificate")
        found[TLS_KEY] = _from_file(base / description.server.tls.key, "server.tls.key")
    return found | _of_monitor(description.monitoring, base, environ)


def _of_monitor(monitor: Monitor, base: Path, environ: Mapping[str, str]) -> dict[str, Secret]:
    if not monitor.enabled:
        return {}
    found = {
        f"{MONITOR_NOTIFY}{name}": _read(source, f"monitor.notify.{name}", base, environ)
        for name, source in monitor.notify.items()
    }
    if monitor.password is not UNSET:
        found[MONITOR_PASSWORD] = _read(monitor.password, "monitor.password", base, environ)
    if monitor.rules:
        found[MONITOR_RULES] = _from_file(base / monitor.rules, "monitor.rules")
    return found


def tokens_file(found: Mapping[str, Secret]) -> bytes:
    """Return the tokens as the file that a server reads: one a line, nothing where there are none."""
    return b"".join(line(secret) for name, secret in sorted(found.items()) if name.startswith(f"{TOKEN}-"))


def line(secret: Secret) -> bytes:
    """Return a secret as the content of a file."""
    return secret.reveal().encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Identities:
    """What is known of secrets without knowing them: those of the servers, those of the monitor, and TLS's."""

    secrets: tuple[SecretRef, ...] = ()
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    monitor: tuple[SecretRef, ...] = ()


def identify(found: Mapping[str, Secret], description: Description, state: StateStore) -> Identities:
    """Return what plans know of the secrets: references, and the fingerprint of certificate and key."""
    if not found:
        return Identities()
    key = _fingerprint_key(state)

    def references(beginning: str) -> tuple[SecretRef, ...]:
        named = [(name, secret) for name, secret in sorted(found.items()) if name.startswith(beginning)]
        return tuple(SecretRef(name, _fingerprint(key, secret.reveal())) for name, secret in named)

    tls = {}
    if description.server.tls is not UNSET:
        tls["tls"] = _fingerprint(key, found[TLS_CERTIFICATE].reveal() + found[TLS_KEY].reveal())
    return Identities(references(f"{TOKEN}-"), tls, references(_MONITOR))


def _fingerprint(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:_FINGERPRINT_LENGTH]


def _fingerprint_key(state: StateStore) -> bytes:
    key = state.read(KEY_NAME)
    if key is None:
        with suppress(AlreadyExists):  # Somebody else made it just now; theirs counts.
            state.create(KEY_NAME, secrets.token_hex(_KEY_BYTES).encode())
        key = state.read(KEY_NAME)
    assert key is not None, "it was created"
    return key


def _read(source: SecretSource, place: str, base: Path, environ: Mapping[str, str]) -> Secret:
    if source.file:
        return _from_file(base / source.file, f"{place}.file")
    value = environ.get(source.env, "").strip()
    if not value:
        raise InvalidArgument(f"{place}.env: the variable {source.env} is not set or empty; set it to the secret")
    return Secret(value)


def _from_file(file: Path, place: str) -> Secret:
    try:
        value = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"{place}: {file} cannot be read: {type(err).__name__}; check path and rights") from err
    if not value:
        raise InvalidArgument(f"{place}: {file} is empty; write the secret into it")
    return Secret(value)
