"""A text that must not be shown: private keys and passwords.

It is a type of its own, so that logging a settings value, printing it in a traceback or showing the effective
configuration cannot leak it by accident. Only `reveal()` gives the text, which makes every use easy to find.
"""

from __future__ import annotations

from dataclasses import dataclass

REDACTED = "[REDACTED]"


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Keeps a text and shows `[REDACTED]` wherever it is printed; an empty one is false."""

    _text: str = ""

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __bool__(self) -> bool:
        """Tell whether there is any text."""
        return bool(self._text)

    def __repr__(self) -> str:
        """Never the text."""
        return REDACTED if self._text else "''"

    __str__ = __repr__
