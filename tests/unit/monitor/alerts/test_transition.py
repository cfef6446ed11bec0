"""From answers to states, a look at a time: pending, firing, resolved, and what is no end."""

from __future__ import annotations

import pytest

from seaway.monitor.alerts.rule import KEEP_S, Rule
from seaway.monitor.alerts.transition import Active, Labels, step, told
from seaway.monitor.view import AlertState

M: Labels = (("model", "m"),)
SHORT = {AlertState.PENDING: "p", AlertState.FIRING: "F", AlertState.RESOLVED: "R"}


def played(rule: Rule, answers: str, every_s: float = 15.0) -> tuple[str, list[tuple[float, str]]]:
    """Play looks, `1` for each that holds; return the state after each look and the changes with their moments."""
    states: dict[Labels, Active] = {}
    shown, changed = "", []
    for number, answer in enumerate(answers):
        now = number * every_s
        states, changes = step(rule, states, {M: 5.0} if answer == "1" else {}, now)
        shown += SHORT[states[M].state] if M in states else "."
        changed += [(now, SHORT[each.alert.state]) for each in changes]
    return shown, changed


@pytest.mark.parametrize(
    ("for_s", "keep_s", "answers", "states", "changes"),
    [
        pytest.param(0, 0, "0110", ".FF.", [(15, "F"), (45, "R")], id="at once, and over at once"),
        pytest.param(30, 0, "11110", "ppFF.", [(30, "F"), (60, "R")], id="pending first"),
        pytest.param(30, 0, "1100", "pp..", [], id="what was only pending ends without a word"),
        pytest.param(30, 0, "110111", "pp.ppF", [(75, "F")], id="a gap while pending begins anew"),
        pytest.param(0, 60, "1010001", "FFFFFFF", [(0, "F")], id="what flaps is one alert"),
        pytest.param(0, 60, "100001", "FFFF.F", [(0, "F"), (60, "R"), (75, "F")], id="over after exactly keep_s"),
        pytest.param(0, 60, "1000", "FFFF", [(0, "F")], id="not over before"),
        pytest.param(30, 60, "1110101", "ppFFFFF", [(30, "F")], id="held down after pending"),
        pytest.param(15, 0, "1", "p", [], id="one look is not long enough"),
        pytest.param(0, 0, "000", "...", [], id="nothing"),
    ],
)
def test_steps(for_s: float, keep_s: float, answers: str, states: str, changes: list[tuple[float, str]]) -> None:
    assert played(Rule("R", "x > 0", for_s, keep_s), answers) == (states, changes)


def test_unless_a_rule_says_otherwise_what_flaps_is_held_for_a_minute() -> None:
    rule = Rule("R", "x > 0")
    assert rule.keep_s == KEEP_S == 60
    assert played(rule, "10001")[1] == [(0, "F")]


def test_labels_have_states_of_their_own_and_values_follow() -> None:
    other: Labels = (("model", "other"),)
    rule = Rule("R", "x > 0", 0, 0)
    states, changes = step(rule, {}, {M: 1.0}, 0)
    assert [each.alert.labels for each in changes] == [M]
    states, changes = step(rule, states, {M: 2.0, other: 3.0}, 10)
    assert [each.alert.labels for each in changes] == [other]
    assert (states[M].value, states[M].began_at, states[M].last_at) == (2.0, 0, 10)
    states, changes = step(rule, states, {other: 4.0}, 20)
    assert [(each.alert.labels, each.alert.state, each.alert.value) for each in changes] == [
        (M, AlertState.RESOLVED, 2.0)
    ]


def test_what_began_is_told_with_when_it_began_not_when_it_fired() -> None:
    rule = Rule("R", "x > 0", 30, 0)
    states: dict[Labels, Active] = {}
    for now in (100, 115, 130):
        states, changes = step(rule, states, {M: 1.0}, now)
    assert [(each.alert.began_at, each.alert.last_at) for each in changes] == [(100, 130)]


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ $labels.model }} fails", "m fails"),
        ("{{$labels.model}}", "m"),
        ("{{ $labels.gone }}.", "."),
        ("{{ $value | humanizePercentage }}", "5%"),
        ("{{ printf }}", "{{ printf }}"),
        ("{{ $value }}", "0.05"),
    ],
)
def test_annotations(template: str, expected: str) -> None:
    assert told(template, {"model": "m"}, 0.05) == expected


def test_a_label_that_looks_like_a_field_is_not_filled_again() -> None:
    assert told("{{ $labels.model }}", {"model": "{{ $value }}"}, 1.0) == "{{ $value }}"
