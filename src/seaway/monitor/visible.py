r"""Names that come from elsewhere and may be anything, as one line of visible characters. Pure.

The page, the terminal and reports show a name the same way, so that it can be recognised and looked for. What is
invisible or turns the direction of writing is written as an escape of Python's: `\n`, `\u200b`, `\U000e0001`.
"""

from __future__ import annotations

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_BASIC_PLANE = 0xFFFF


def visible(text: str) -> str:
    r"""Return one line in which nothing is invisible or turns direction; `\n` and the like stand for that."""
    return "".join(_escaped(char) if unicodedata.category(char) in _INVISIBLE else char for char in text)


def _escaped(char: str) -> str:
    number = ord(char)
    return _SHORT.get(char) or (f"\\u{number:04x}" if number <= _BASIC_PLANE else f"\\U{number:08x}")
