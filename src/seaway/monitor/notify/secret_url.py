"""Shows the address of a channel without what it keeps secret.

An address of a chat service is a password: whoever has it can post. Which part is the secret differs by service, so
everything is hidden but the scheme and, where the scheme says that it is a host, the host.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from seaway.settings.secret import REDACTED, Secret

# In other schemes what stands in the place of a host may be a token.
_WITH_HOST = frozenset(
    {"http", "https", "json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos"},
)
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]{0,31})://")
_HOST = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_SEPARATORS = re.compile(r"[:/@?&=#,;\s]+")
_SHORT = 4


def hidden(url: Secret) -> str:
    """Return the scheme and a host that is certainly one, for instance `https://hooks.example.org/[REDACTED]`."""
    text = url.reveal()
    scheme = _SCHEME.match(text)
    if scheme is None:
        return REDACTED
    host = _host(text.strip())
    name = scheme.group(1).lower()
    return f"{name}://{host}/{REDACTED}" if host else f"{name}://{REDACTED}"


def scrubbed(text: str, url: Secret) -> str:
    """Return a text without anything that the address holds, as it is or percent-encoded, in whatever case."""
    address = url.reveal().strip()
    host = (_host(address) or "").lower()
    rest = address.partition("://")[2] or address
    shown = {"", host, *_SEPARATORS.split(host)}
    pieces = {rest, *_SEPARATORS.split(rest)}
    pieces |= {unquote(piece) for piece in pieces}
    secret = sorted((piece for piece in pieces if piece.lower() not in shown), key=len, reverse=True)
    if not secret:
        return text
    return re.sub("|".join(_pattern(piece) for piece in secret), REDACTED, text, flags=re.IGNORECASE)


def _pattern(piece: str) -> str:
    # A password of one letter must not make every word unreadable.
    return rf"(?<!\w){re.escape(piece)}(?!\w)" if len(piece) < _SHORT else re.escape(piece)


def _host(address: str) -> str | None:
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return None
    # An @ further on: a password with a slash in it, so what looks like the host is part of the secret.
    late = "@" in parts.path + parts.query + parts.fragment
    return host if parts.scheme in _WITH_HOST and not late and _HOST.fullmatch(host) else None
