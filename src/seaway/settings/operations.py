"""Requests that are accepted at once and answered later: where they are kept, how they run, and whom they are told."""

from __future__ import annotations

from dataclasses import dataclass

from seaway.settings.declaration import setting
from seaway.settings.secret import Secret


@dataclass(frozen=True, slots=True)
class Operations:
    """Asynchronous requests (`Prefer: respond-async`); off until there is a directory that keeps them."""

    directory: str = setting(
        "",
        "Directory that keeps asynchronous requests and their results; it must outlive the server and be no other "
        "server's. Empty means that requests are answered synchronously, whatever they prefer.",
        flag="--operations-directory",
    )
    concurrency: int = setting(
        0,
        "Operations that run at once, after every other request. 0 means four per usable core, so that they can share "
        "runs.",
        flag="--operations-concurrency",
        unit="operations",
        at_least=0,
        at_most=4096,
    )
    max_pending: int = setting(
        10000,
        "Operations that may wait or run; more are refused with 429.",
        flag="--operations-max-pending",
        unit="operations",
        at_least=1,
        at_most=1000000,
    )
    max_store_bytes: int = setting(
        1073741824,
        "Requests and results that are kept, 2 KiB counted for each operation; more are refused with 429. The file may "
        "take about twice as much.",
        flag="--operations-max-store-bytes",
        unit="bytes",
        at_least=65536,
        at_most=1099511627776,
    )
    timeout_s: float = setting(
        3600.0,
        "Time from acceptance within which an operation must end, waiting and repeated runs included.",
        flag="--operations-timeout-s",
        unit="seconds",
        at_least=0.1,
        at_most=2592000,
    )
    retention_s: float = setting(
        3600.0,
        "Time for which an operation that has ended is kept.",
        flag="--operations-retention-s",
        unit="seconds",
        at_least=0.1,
        at_most=2592000,
    )
    max_attempts: int = setting(
        3,
        "How often an operation is begun whose worker or server ends meanwhile.",
        flag="--operations-max-attempts",
        unit="attempts",
        at_least=1,
        at_most=100,
    )
    webhooks: bool = setting(
        False,
        "Let clients name a URL that the result is posted to (header `Webhook`); needs a secret.",
        flag="--operations-webhooks",
    )
    webhook_secret_file: str = setting(
        "",
        "File with the secret that results are signed with: `whsec_` and 24 to 64 bytes in base64.",
        flag="--operations-webhook-secret-file",
    )
    webhook_secret: Secret = setting(
        Secret(),
        "The secret itself, instead of a file. There is no flag, since a command line is visible to other users.",
        flag="",
        env="SEAWAY_OPERATIONS_WEBHOOK_SECRET",
    )
    webhook_allow: tuple[str, ...] = setting(
        (),
        "Hosts, addresses and networks (10.1.0.0/16) that results may be sent to although they are not public. A host "
        "in the list may have any address.",
        flag="--operations-webhook-allow",
    )
    webhook_max_attempts: int = setting(
        8,
        "How often a result is tried to be sent.",
        flag="--operations-webhook-max-attempts",
        unit="attempts",
        at_least=1,
        at_most=100,
    )
    webhook_timeout_s: float = setting(
        10.0,
        "Time of one try to send a result, the look-up of the name included.",
        flag="--operations-webhook-timeout-s",
        unit="seconds",
        at_least=0.1,
        at_most=300,
    )
    webhook_backoff_s: float = setting(
        5.0,
        "Pause after the first try that failed; it doubles up to ten minutes, less up to half of it by chance.",
        flag="--operations-webhook-backoff-s",
        unit="seconds",
        at_least=0.01,
        at_most=600,
    )
