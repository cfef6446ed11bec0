"""How names and numbers are written for people, and how names get into addresses. Pure.

Names of models, versions, servers and rules come from elsewhere and may be anything. Here they become one line of
visible characters; what shows them puts them into text nodes and canvases only, never into markup.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from seaway.monitor.digits import binary, three
from seaway.monitor.visible import visible as in_one_line

LONGEST = 64
"""A longer name is cut in its middle, where names that are alike differ the least."""
_PLAIN = re.compile(r"(?!\.+$)[A-Za-z0-9_.-]{1,200}")
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400


def visible(text: str, most: int = LONGEST) -> str:
    """Return one line of visible characters, its middle left out where it is longer."""
    shown = in_one_line(text)
    if len(shown) <= most:
        return shown
    head = most * 2 // 3
    return f"{shown[:head]}…{shown[len(shown) - (most - head - 1) :]}"


def address(path: str, **parameters: str) -> str:
    """Return an address within the page; parameters that are empty are left out."""
    given = urlencode({name: value for name, value in parameters.items() if value}, quote_via=quote, safe="")
    return f"{path}?{given}" if given else path


def model_address(name: str, **parameters: str) -> str:
    """Return the address of a model's page.

    Only plain names go into the path: browsers take `.`, `..` and encoded slashes apart there.
    """
    if _PLAIN.fullmatch(name):
        return address(f"/model/{name}", **parameters)
    return address("/model", name=name, **parameters)


def without_secrets(url: str) -> str:
    """Return an address without its user, password and parameters, which may be secret."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return visible(url.partition("?")[0].rpartition("@")[2])
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname or ""
    return visible(f"{parts.scheme}://{host}{port}{parts.path}", 120)


def labels(pairs: Mapping[str, str]) -> str:
    """Return labels as `model half_plus_two · instance a`."""
    return " · ".join(f"{visible(name)} {visible(value)}" for name, value in pairs.items()) or "—"


def number(value: float | None) -> str:
    """Return a number with three digits that count, as 1 234, 56.7, 0.089 or 1.2 M."""
    if value is None or not math.isfinite(value):
        return "—"
    size = abs(value)
    for bound, divisor, unit in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if size >= bound:
            return f"{value / divisor:.3g} {unit}"
    if size >= 100 or value == int(value):  # noqa: PLR2004
        return f"{value:.0f}"
    return f"{value:.3g}" if size >= 0.001 else f"{value:.1g}"  # noqa: PLR2004


def rate(value: float | None) -> str:
    """Return a rate per second."""
    return "—" if value is None else f"{number(value)}/s"


def seconds(value: float | None) -> str:
    """Return a duration: 850 µs, 12.3 ms, 1.5 s, 3 min, 2.5 h."""
    if value is None or not math.isfinite(value):
        return "—"
    for bound, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"), (7200.0, 1 / 60, "min")):
        if value < bound:
            return f"{three(value * factor)} {unit}"
    return f"{three(value / _HOUR_S)} h"


def size(value: float | None) -> str:
    """Return bytes in binary units."""
    if value is None or not math.isfinite(value):
        return "—"
    return binary(value, (" B", " KiB", " MiB", " GiB", " TiB"))


def share(value: float | None) -> str:
    """Return a share as a percentage; a small one is never shown as none."""
    if value is None or not math.isfinite(value):
        return "—"
    percent = value * 100
    if 0 < percent < 0.01:  # noqa: PLR2004
        return "< 0.01 %"
    return f"{three(percent)} %"


def ago(then: float, now: float) -> str:
    """Return how long ago a moment was. Units: seconds since the Unix epoch; 0 was never."""
    if not then:
        return "never"
    passed = max(0.0, now - then)
    for bound, unit, name in ((2 * _MINUTE_S, 1, "s"), (2 * _HOUR_S, _MINUTE_S, "min"), (2 * _DAY_S, _HOUR_S, "h")):
        if passed < bound:
            return f"{passed // unit:.0f} {name} ago"
    return f"{passed // _DAY_S:.0f} d ago"
