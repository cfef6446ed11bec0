"""What is said about alerts: a group of notices becomes a title, a plain text and, for programs, JSON.

Everything here is a pure function. It knows neither channels nor rules. Labels and summaries come from whatever was
measured, so they are hostile: each value becomes one line, is cut, and can neither open a tag nor mention everybody.
JSON needs no such care and carries the values as they are, only cut.

Templates are the user's. They name values as `{name}` and may name nothing else: no attributes, indexes, conversions
or formats, which would reach into Python or ask for a gigabyte of padding.

    title, body    group, state, severity, rules, summary, count, firing, resolved
    body           lines - one `line` per notice, the worst first
    line           group, state, severity, rule, summary, labels, value, began, ended, when
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Literal

import msgspec

from seaway.clock import utc
from seaway.errors import InvalidArgument

State = Literal["firing", "resolved", "test"]
Severity = Literal["page", "ticket", "info"]

MAX_VALUE_CHARS = 120
MAX_SUMMARY_CHARS = 500
MAX_TITLE_CHARS = 200
MAX_BODY_CHARS = 4000
MAX_LABELS = 20
MAX_LINES = 20
MAX_JSON_NOTICES = 100
MAX_JSON_CHARS = 2000
CUT = "…"
NONE = "-"

_STATES: tuple[State, ...] = ("firing", "test", "resolved")
_SEVERITIES: tuple[Severity, ...] = ("page", "ticket", "info")
_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
# Cc control, Cf invisible and direction, Cs half of a pair, Zl and Zp line breaks of Unicode.
_BREAKING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_TAG = re.compile(r"<(?=[^\s\d=])")
_EVERYBODY = re.compile(r"@(?=(?:all|channel|everyone|here)\b)", re.IGNORECASE)
_FULLWIDTH_AT = "\uff20"
_QUOTATION = "\u2039"  # looks like <


class Notice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One alert as it is told: which rule, about what, since when; `group` is what is told together."""

    rule: str
    state: State
    severity: Severity
    labels: dict[str, str]
    summary: str
    value: float | None
    began_at: float
    ended_at: float | None
    group: str


GROUP_NAMES = ("group", "state", "severity", "rules", "summary", "count", "firing", "resolved")
BODY_NAMES = (*GROUP_NAMES, "lines")
LINE_NAMES = ("group", "state", "severity", "rule", "summary", "labels", "value", "began", "ended", "when")


class Templates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How messages read; names are listed above.

    Raises:  InvalidArgument - a template names something that there is not, or is no template.
    """

    title: str = "[{state}, {severity}] {rules}"
    body: str = "{group}: {firing} firing, {resolved} resolved\n\n{lines}"
    line: str = "{state}: {rule} ({severity}): {summary}\n    {labels}\n    value {value}, {when}"

    def __post_init__(self) -> None:
        """Refuse at once what could never be rendered."""
        check_template("title", self.title, GROUP_NAMES)
        check_template("body", self.body, BODY_NAMES)
        check_template("line", self.line, LINE_NAMES)


def check_template(which: str, template: str, names: Sequence[str]) -> None:
    """Accept a template that uses only those names, bare.

    Raises:  InvalidArgument - it does not; says which template, which name, and the names that there are.
    """
    there_are = ", ".join(f"{{{name}}}" for name in names)
    try:
        fields = [field for field in Formatter().parse(template) if field[1] is not None]
    except ValueError as err:
        raise InvalidArgument(
            f"the {which} template is malformed: {err}; write {{{{ and }}}} for braces, and one of {there_are}"
        ) from None
    for _, name, form, conversion in fields:
        if name not in names:
            raise InvalidArgument(f"the {which} template has {{{safe(name or '')}}}; there are only {there_are}")
        if form or conversion:
            raise InvalidArgument(f"the {which} template has a format for {{{name}}}; write {{{name}}} alone")


def safe(text: str, limit: int = MAX_VALUE_CHARS) -> str:
    """Return one line of at most `limit` characters that opens no tag and mentions nobody."""
    # What is cut off need not be escaped: a value may be megabytes.
    visible = "".join(_visible(char) for char in text[: limit + 1])
    tame = _EVERYBODY.sub(_FULLWIDTH_AT, _TAG.sub(_QUOTATION, visible))
    return cut(tame, limit)


def cut(text: str, limit: int) -> str:
    """Return the text, or its beginning with an ellipsis, in at most `limit` characters."""
    return text if len(text) <= limit else text[: max(limit - 1, 0)] + CUT


DEFAULT_TEMPLATES = Templates()


def render(notices: Sequence[Notice], templates: Templates = DEFAULT_TEMPLATES) -> tuple[str, str]:
    """Return title and plain-text body for a group of notices, the worst first; the title is one line.

    Raises:  InvalidArgument - there is nothing to tell.
    """
    ordered = worst_first(notices)
    names = _group_values(ordered)
    shown = [templates.line.format_map(_line_values(notice)) for notice in ordered[:MAX_LINES]]
    if len(ordered) > MAX_LINES:
        shown.append(f"and {len(ordered) - MAX_LINES} more")
    title = " ".join(templates.title.format_map(names).split())
    body = templates.body.format_map({**names, "lines": "\n".join(shown)})
    return cut(title, MAX_TITLE_CHARS), cut(body, MAX_BODY_CHARS)


def worst_first(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """Return the notices with what fires before what has ended, pages before tickets, the oldest before the newest.

    Raises:  InvalidArgument - there are none.
    """
    if not notices:
        raise InvalidArgument("a message needs at least one notice")
    return tuple(
        sorted(notices, key=lambda each: (_STATES.index(each.state), _SEVERITIES.index(each.severity), each.began_at))
    )


def webhook_json(title: str, body: str, notices: Sequence[Notice]) -> bytes:
    """Return the JSON that a plain webhook receives: version, title, text, group, state, severity, notices, omitted."""
    ordered = worst_first(notices)
    kept = ordered[:MAX_JSON_NOTICES]
    return msgspec.json.encode(
        {
            "version": 1,
            "title": _encodable(title),
            "text": _encodable(body, MAX_BODY_CHARS),
            "group": _encodable(ordered[0].group),
            "state": ordered[0].state,
            "severity": ordered[0].severity,
            "notices": [_json_notice(notice) for notice in kept],
            "omitted": len(ordered) - len(kept),
        }
    )


def _group_values(ordered: Sequence[Notice]) -> Mapping[str, str]:
    worst = ordered[0]
    return {
        "group": safe(worst.group) or NONE,
        "state": worst.state,
        "severity": worst.severity,
        "rules": cut(", ".join(dict.fromkeys(safe(each.rule) for each in ordered[:MAX_LINES])), MAX_TITLE_CHARS),
        "summary": safe(worst.summary, MAX_SUMMARY_CHARS) or NONE,
        "count": str(len(ordered)),
        "firing": str(sum(each.state == "firing" for each in ordered)),
        "resolved": str(sum(each.state == "resolved" for each in ordered)),
    }


def _line_values(notice: Notice) -> Mapping[str, str]:
    began = _moment(notice.began_at)
    ended = NONE if notice.ended_at is None else _moment(notice.ended_at)
    return {
        "group": safe(notice.group) or NONE,
        "state": notice.state,
        "severity": notice.severity,
        "rule": safe(notice.rule) or NONE,
        "summary": safe(notice.summary, MAX_SUMMARY_CHARS) or NONE,
        "labels": _labels(notice.labels),
        "value": NONE if notice.value is None else f"{notice.value:g}",
        "began": began,
        "ended": ended,
        "when": f"since {began}" if notice.ended_at is None else f"{began} to {ended}",
    }


def _labels(labels: Mapping[str, str]) -> str:
    names = sorted(labels)
    shown = [f"{safe(name)}={safe(labels[name])}" for name in names[:MAX_LABELS]]
    if len(names) > MAX_LABELS:
        shown.append(f"and {len(names) - MAX_LABELS} more")
    return ", ".join(shown) or NONE


def _moment(wall_s: float) -> str:
    try:
        return utc(wall_s)
    except (OverflowError, ValueError, OSError):
        return f"{wall_s:g} s since 1970"  # Beyond the calendar; a message with an odd time is better than none.


def _visible(char: str) -> str:
    if unicodedata.category(char) not in _BREAKING:
        return char
    code = ord(char)
    return _ESCAPES.get(char) or (f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}")  # noqa: PLR2004 - one byte


def _encodable(text: str, limit: int = MAX_JSON_CHARS) -> str:
    # Half of a surrogate pair cannot be written as UTF-8.
    return cut(text, limit).encode("utf-8", "backslashreplace").decode()


def _json_notice(notice: Notice) -> dict[str, object]:
    return {
        "rule": _encodable(notice.rule),
        "state": notice.state,
        "severity": notice.severity,
        "labels": {_encodable(name): _encodable(notice.labels[name]) for name in sorted(notice.labels)[:MAX_LABELS]},
        "summary": _encodable(notice.summary),
        "value": notice.value if notice.value is None or math.isfinite(notice.value) else str(notice.value),
        "began_at": notice.began_at,
        "ended_at": notice.ended_at,
        "group": _encodable(notice.group),
    }
