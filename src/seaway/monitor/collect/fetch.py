"""Fetches the Prometheus text of one server."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request

from seaway.errors import Unavailable
from seaway.monitor.target import Target

_PIECE_BYTES = 1 << 16
MOST_BYTES = 64 * 1024 * 1024
"""A server that answers more is not read further: it would fill the collector's memory."""


def fetch(target: Target, timeout_s: float) -> str:
    """Return what a server answers, all of it within the time.

    Raises:  Unavailable - it does not answer, or not with such a text; says why in a few words.
    """
    end = time.monotonic() + timeout_s
    request = urllib.request.Request(target.url, headers={"Accept": "text/plain;version=0.0.4"})
    if target.bearer:
        request.add_header("Authorization", f"Bearer {target.bearer}")
    content = bytearray()
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:
            # The time-out of a socket begins anew with every byte, so that one that trickles would never be over.
            while piece := response.read1(_PIECE_BYTES):
                content += piece
                if time.monotonic() > end:
                    raise Unavailable(f"{target.shown} did not answer all within {timeout_s:g} s")
                if len(content) > MOST_BYTES:
                    raise Unavailable(f"{target.shown} answers more than {MOST_BYTES >> 20} MiB")
    except urllib.error.HTTPError as err:
        err.close()
        raise Unavailable(f"{target.shown} answers {err.code} {err.reason}{_hint(err.code)}") from None
    except (OSError, http.client.HTTPException, ValueError) as err:
        reason = getattr(err, "reason", err)
        raise Unavailable(f"{target.shown} does not answer: {reason}") from None
    return content.decode(errors="replace")


def _hint(code: int) -> str:
    if code == http.client.NOT_FOUND:
        return (
            ": TensorFlow Serving has metrics only with --monitoring_config_file, Seaway unless metrics.enabled=false"
        )
    if code in {http.client.UNAUTHORIZED, http.client.FORBIDDEN}:
        return ": it wants a token"
    return ""
