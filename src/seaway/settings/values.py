"""From what somebody wrote to a checked value of one setting, or to a sentence that helps.

Flags and variables are texts, the settings file has types; both end in the same checks. An error names the value, what
is allowed, how to put it right and the place where it was written.
"""

from __future__ import annotations

import math
import re
from typing import Any

from seaway.errors import InvalidArgument
from seaway.settings.declaration import Setting, matches
from seaway.settings.secret import Secret

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")
_TYPES: dict[str, type | tuple[type, ...]] = {
    "true or false": bool,
    "integer": int,
    "number": (int, float),
    "list of text": list,
}


def from_text(setting: Setting, text: str, origin: str) -> Any:
    """Read the value of a flag or a variable; items of a list are separated by commas.

    Raises:  InvalidArgument - the text is not of the setting's kind or outside its bounds.
    """
    match setting.kind:
        case "true or false":
            return _truth(setting, text, origin)
        case "integer":
            return _checked(setting, _integer(setting, text, origin), origin)
        case "number":
            return _checked(setting, _number(setting, text, origin), origin)
        case "list of text":
            return _checked(setting, tuple(item.strip() for item in text.split(",") if item.strip()), origin)
        case "secret":
            return Secret(text)
        case _:
            return _checked(setting, text, origin)


def from_typed(setting: Setting, value: Any, origin: str) -> Any:
    """Check a value that already has a type, as the settings file gives it.

    Raises:  InvalidArgument - the value is not of the setting's kind or outside its bounds.
    """
    accepted = _TYPES.get(setting.kind, str)
    if not isinstance(value, accepted) or (isinstance(value, bool) and accepted is not bool):
        raise _refused(setting, value, origin)
    return _checked(setting, _converted(setting, value, origin), origin)


def _converted(setting: Setting, value: Any, origin: str) -> Any:
    match setting.kind:
        case "number":
            return float(value)
        case "list of text":
            if not all(isinstance(item, str) for item in value):
                raise _refused(setting, value, origin)
            return tuple(value)
        case "secret":
            return Secret(value)
        case _:
            return value


def _truth(setting: Setting, text: str, origin: str) -> bool:
    lowered = text.strip().lower()
    if lowered in _TRUE:
        return True
    if lowered in _FALSE:
        return False
    raise _refused(setting, text, origin)


def _integer(setting: Setting, text: str, origin: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,30}", text.strip()):
        raise _refused(setting, text, origin)
    return int(text)


def _number(setting: Setting, text: str, origin: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _refused(setting, text, origin) from None


def _checked(setting: Setting, value: Any, origin: str) -> Any:
    if not _is_allowed(setting, value):
        raise _refused(setting, value, origin)
    return value


def _is_allowed(setting: Setting, value: Any) -> bool:
    declaration = setting.declaration
    if setting.kind == "choice":
        return value in setting.choices
    if isinstance(value, bool | Secret):
        return True
    if isinstance(value, tuple):
        return all(matches(declaration, item) for item in value)
    if isinstance(value, str):
        return matches(declaration, value)
    if isinstance(value, float) and not math.isfinite(value):
        return False
    low, high = declaration.at_least, declaration.at_most
    return (low is None or value >= low) and (high is None or value <= high)


def _refused(setting: Setting, value: Any, origin: str) -> InvalidArgument:
    shown = "[REDACTED]" if setting.kind == "secret" else repr(list(value) if isinstance(value, tuple) else value)
    return InvalidArgument(f"{origin}: {setting.path} cannot be {shown}; {_remedy(setting)}")


def _remedy(setting: Setting) -> str:
    unit = f" ({setting.declaration.unit})" if setting.declaration.unit else ""
    match setting.kind:
        case "choice":
            return f"use one of {setting.bounds}"
        case "true or false":
            return "use true or false"
        case "integer":
            return f"use a whole number {_range(setting)}{unit}"
        case "number":
            return f"use a number {_range(setting)}{unit}"
        case "list of text":
            return f"use {setting.declaration.expects or 'a list of texts'}"
        case _:
            return f"use {setting.declaration.expects or 'a text'}"


def _range(setting: Setting) -> str:
    bounds = setting.bounds
    return bounds if bounds.startswith("at least") else f"from {bounds}"
