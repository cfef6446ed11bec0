"""Asks whoever answers Prometheus' HTTP API: a Prometheus-compatible server, or `seaway monitor`.

It knows the API's envelope and its errors; what the data means is the caller's business.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from seaway.errors import InvalidArgument, Unavailable

_WRONG_QUESTION = {"bad_data", "execution"}


def ask(url: str, path: str, timeout_s: float, **values: object) -> Any:
    """Return the `data` that `url`/api/v1/`path` answers to these values.

    Raises:  InvalidArgument - it says that the question is wrong, and why; Unavailable - it does not answer, or not as
             Prometheus does.
    """
    query = urllib.parse.urlencode(values)
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=timeout_s) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as err:
        with err:
            raise _refused(url, err) from None
    except (OSError, http.client.HTTPException) as err:
        raise Unavailable(f"no monitor and no Prometheus answers at {url} ({getattr(err, 'reason', err)})") from None
    except ValueError as err:
        raise Unavailable(f"{url} does not answer as Prometheus does ({err})") from None
    if not isinstance(answer, dict) or answer.get("status") != "success" or "data" not in answer:
        raise Unavailable(f"{url} does not answer as Prometheus does (no data, and no error)")
    return answer["data"]


def _refused(url: str, err: urllib.error.HTTPError) -> InvalidArgument | Unavailable:
    try:
        said = json.load(err)
    except ValueError:
        said = None
    if isinstance(said, dict) and said.get("errorType") in _WRONG_QUESTION:
        return InvalidArgument(f"{url}: {said.get('error', err.reason)}")
    return Unavailable(f"{url} answers {err.code} {err.reason}")
