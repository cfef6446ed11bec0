"""What the compiled plane is told about operations, as the part of its JSON document.

Source: crates/plane/src/settings.rs, OperationsSettings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seaway.errors import InvalidArgument
from seaway.settings.operations import Operations

_PER_CORE = 4
_MS = 1000


def plane_operations(operations: Operations, cores: int) -> dict[str, Any] | None:
    """Return the document, or None when there is nowhere to keep operations.

    Raises:  InvalidArgument - webhooks are on without a directory or a secret, or the secret's file cannot be read.
    """
    if not operations.directory:
        if operations.webhooks:
            raise InvalidArgument("operations.webhooks is true but operations.directory is empty; set a directory")
        return None
    return {
        "directory": operations.directory,
        "concurrency": operations.concurrency or _PER_CORE * cores,
        "max_pending": operations.max_pending,
        "max_store_bytes": operations.max_store_bytes,
        "timeout_ms": _milliseconds(operations.timeout_s),
        "retention_ms": _milliseconds(operations.retention_s),
        "max_attempts": operations.max_attempts,
        "webhooks": _webhooks(operations) if operations.webhooks else None,
    }


def _webhooks(operations: Operations) -> dict[str, Any]:
    return {
        "secret": _secret(operations),
        "allow": list(operations.webhook_allow),
        "max_attempts": operations.webhook_max_attempts,
        "timeout_ms": _milliseconds(operations.webhook_timeout_s),
        "backoff_ms": _milliseconds(operations.webhook_backoff_s),
    }


def _secret(operations: Operations) -> str:
    inline, file = operations.webhook_secret.reveal(), operations.webhook_secret_file
    if inline and file:
        raise InvalidArgument(
            "operations.webhook_secret and operations.webhook_secret_file are both set; keep one of them"
        )
    if not inline and not file:
        raise InvalidArgument(
            "operations.webhooks is true but there is no secret to sign with; set operations.webhook_secret_file"
        )
    return inline or _read(file)


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as err:
        raise InvalidArgument(f"operations.webhook_secret_file {file!r} cannot be read: {err}") from err


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * _MS))
