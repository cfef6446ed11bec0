"""What a message says, and that no value of a label can break one."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest

from seaway.errors import InvalidArgument
from seaway.monitor.notify import message
from seaway.monitor.notify.message import Templates, render, safe, webhook_json
from tests.support.notification_samples import HOSTILE, notice


def test_a_group_is_told_with_the_worst_first() -> None:
    title, body = render(
        [
            notice(state="resolved", rule="old", ended_at=1_000_060.0),
            notice(severity="ticket", rule="later"),
            notice(),
        ]
    )
    assert title == "[firing, page] slow, later, old"
    assert body == (
        "resnet: 2 firing, 1 resolved\n\n"
        "firing: slow (page): p99 is 812 ms\n    model=resnet\n    value 812, since 1970-01-12 13:46:40 UTC\n"
        "firing: later (ticket): p99 is 812 ms\n    model=resnet\n    value 812, since 1970-01-12 13:46:40 UTC\n"
        "resolved: old (page): p99 is 812 ms\n    model=resnet\n"
        "    value 812, 1970-01-12 13:46:40 UTC to 1970-01-12 13:47:40 UTC"
    )


def test_every_documented_name_can_be_used() -> None:
    templates = Templates(
        title=" ".join(f"{{{name}}}" for name in message.GROUP_NAMES),
        body=" ".join(f"{{{name}}}" for name in message.BODY_NAMES),
        line="{{" + " ".join(f"{{{name}}}" for name in message.LINE_NAMES) + "}}",
    )
    title, body = render([notice()], templates)
    assert title == "resnet firing page slow p99 is 812 ms 1 1 0"
    assert body.startswith(title)
    moment = "1970-01-12 13:46:40 UTC"
    line = f"{{resnet firing page slow p99 is 812 ms model=resnet 812 {moment} - since {moment}}}"
    assert body.endswith(line)


@pytest.mark.parametrize(
    ("which", "template", "says"),
    [
        ("title", "{rule}", "{rule}; there are only {group}, {state}"),
        ("title", "{lines}", "{lines}"),
        ("body", "{}", "{}; there are only"),
        ("body", "{0}", "{0}"),
        ("line", "{labels[model]}", "{labels[model]}"),
        ("line", "{rule.__class__.__mro__}", "{rule.__class__.__mro__}"),
        ("line", "{value:>999999999}", "a format for {value}"),
        ("line", "{value!r}", "a format for {value}"),
        ("line", "{value", "malformed"),
        ("line", "value}", "malformed"),
    ],
)
def test_a_template_with_anything_else_is_refused_by_name(which: str, template: str, says: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        Templates(**{which: template})
    assert f"the {which} template" in refused.value.message
    assert says in refused.value.message


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_value_stays_one_short_harmless_line(value: str) -> None:
    shown = safe(value)
    assert len(shown) <= message.MAX_VALUE_CHARS
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in shown)
    assert "<s" not in shown
    assert "<!" not in shown
    assert "@everyone" not in shown
    shown.encode()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("饱和度", "饱和度"),
        ("p99 < 5 ms and > 2", "p99 < 5 ms and > 2"),
        ("a<=b", "a<=b"),
        ("</b>", "\u2039/b>"),
        ("someone@example.org", "someone@example.org"),
        ("@here", "\uff20here"),
        ("a\nb\x1b\u202e", "a\\nb\\x1b\\u202e"),
        ("{rule}", "{rule}"),
    ],
)
def test_what_is_harmless_is_left_alone(value: str, shown: str) -> None:
    assert safe(value) == shown


def test_hostile_notices_make_a_message_of_the_lines_that_it_should_have() -> None:
    hostile = [
        notice(rule=value, labels={value: value, "n": value}, summary=value, group=value) for value in HOSTILE.values()
    ]
    title, body = render(hostile)
    assert len(title) <= message.MAX_TITLE_CHARS
    assert "\n" not in title
    assert len(body) <= message.MAX_BODY_CHARS
    for each in hostile:
        assert len(render([each])[1].splitlines()) == 5


def test_many_notices_and_labels_are_counted_instead_of_shown() -> None:
    labels = {f"label{number:02}": "v" for number in range(30)}
    _, body = render([notice(labels=labels)])
    assert "label19=v, and 10 more" in body
    _, body = render([notice(rule=f"r{number}") for number in range(25)], Templates(line="{rule}"))
    assert body.startswith("resnet: 25 firing")
    assert body.endswith("r19\nand 5 more")


@pytest.mark.parametrize("moment", [float("inf"), float("nan"), 1e300, -1e300])
def test_an_impossible_moment_or_value_is_told_all_the_same(moment: float) -> None:
    _, body = render([notice(began_at=moment, value=moment)])
    assert f"{moment:g} s since 1970" in body
    assert msgspec.json.decode(webhook_json("t", "b", [notice(value=moment)]))


def test_a_message_about_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgument):
        render([])


def test_json_carries_values_as_they_are() -> None:
    label = 'a\n<b> "c" \u202e'
    content = msgspec.json.decode(webhook_json("t", "b", [notice(labels={"k": label})]))
    assert content == {
        "version": 1,
        "title": "t",
        "text": "b",
        "group": "resnet",
        "state": "firing",
        "severity": "page",
        "notices": [{**msgspec.to_builtins(notice()), "labels": {"k": label}}],
        "omitted": 0,
    }


def test_hostile_json_is_json_and_bounded() -> None:
    hostile = [notice(rule=v, labels={v: v}, summary=v, group=v) for v in HOSTILE.values()] * 20
    encoded = webhook_json("\ud800", "b", hostile)
    content = msgspec.json.decode(encoded)
    assert len(content["notices"]) == message.MAX_JSON_NOTICES
    assert content["omitted"] == len(hostile) - message.MAX_JSON_NOTICES
    assert len(encoded) < 2_000_000


def test_a_notice_has_no_other_fields_or_states() -> None:
    raw = msgspec.to_builtins(notice())
    assert msgspec.convert(raw, message.Notice) == notice()
    for wrong in ({**raw, "more": 1}, {**raw, "state": "odd"}, {**raw, "severity": "sev1"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, message.Notice)
