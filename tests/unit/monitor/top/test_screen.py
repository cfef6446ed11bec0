"""Golden screens, and what the screen does with too little room and with names that mean harm."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from seaway.monitor.top.screen import Wish, bar, cut, lines, portions, screen
from seaway.monitor.top.view import Row, Server, Slow, View
from seaway.monitor.top.words import count, share, size, time

STAGES = {"queue": 0.002, "decode": 0.0005, "run": 0.001, "encode": 0.0005}
VIEW = View(
    at=1_700_000_000.0,
    window_s=10.0,
    looks=9,
    up=2,
    rate=1234.5,
    error_share=0.0123,
    models=(
        Row("resnet", "3", "", 34.5, 0.0, 0.004, 0.006, 0.009, 0, 1, 4.5, 2**30, "onnx", STAGES),
        Row("half_plus_two", "123", "", 1200, 0.0126, 2e-4, 4e-4, 9e-4, 12, 4, None, 68e6, "tensorflow", {"run": 2e-4}),
    ),
    servers=(
        Server("a:8501", True, "", 1000, 0.0, 0.001, 0.5, 2**30, 0.003),
        Server("b:8501", True, "", 234.5, 0.1, 0.09, 1.25, 2**30, 0.004, (Slow("resnet", "3", 0.09, 0.009),)),
        Server("c:8501", False, "http://c:8501/m does not answer: refused", scrape_s=0.001),
    ),
)


def text(view: View, width: int, height: int | None = None, wish: Wish | None = None) -> str:
    return "\n".join(line.plain.rstrip() for line in lines(view, wish or Wish(), width, height))


GOLDEN = {
    60: """
seaway top  22:13:20 UTC  2/3 up  1234 req/s  errors 1.23%
last 10 s, by requests

model          version  req/s    p50    p99  errors  queued
half_plus_two  123       1200  200us  900us   1.26%      12
resnet         3         34.5    4ms    9ms      0%       0

model          version  queue  decode    run  encode
half_plus_two  123          -       -  200us       -
resnet         3          2ms   500us    1ms   500us

server  state  req/s   p99  errors   CPU  memory  scrape
c:8501  down       -     -       -     -       -     1ms
b:8501  slow     234  90ms     10%  125%      1G     4ms
a:8501  up      1000   1ms      0%   50%      1G     3ms

! c:8501 is down: http://c:8501/m does not answer: refused
! b:8501 is slow: p99 of resnet 3 is 90ms, of the others 9ms
""",
    100: """
seaway top  22:13:20 UTC  2/3 up  1234 req/s  errors 1.23%
last 10 s, by requests

model          version  req/s    p50    p95    p99  errors  queued  running  batch  memory
half_plus_two  123       1200  200us  400us  900us   1.26%      12        4      -   64.8M
resnet         3         34.5    4ms    6ms    9ms      0%       0        1    4.5      1G

model          version  queue  decode    run  encode  ░ queue ▒ decode █ run ▓ encode
half_plus_two  123          -       -  200us       -  ████████████████████████████████████████
resnet         3          2ms   500us    1ms   500us  ░░░░░░░░░░░░░░░░░░░░▒▒▒▒▒██████████▓▓▓▓▓

server  state  req/s   p99  errors   CPU  memory  scrape
c:8501  down       -     -       -     -       -     1ms
b:8501  slow     234  90ms     10%  125%      1G     4ms
a:8501  up      1000   1ms      0%   50%      1G     3ms

! c:8501 is down: http://c:8501/m does not answer: refused
! b:8501 is slow: p99 of resnet 3 is 90ms, of the others 9ms
""",
    160: """
seaway top  22:13:20 UTC  2/3 up  1234 req/s  errors 1.23%
last 10 s, by requests

model          version  req/s    p50    p95    p99  errors  queued  running  batch  memory  engine
half_plus_two  123       1200  200us  400us  900us   1.26%      12        4      -   64.8M  tensorflow
resnet         3         34.5    4ms    6ms    9ms      0%       0        1    4.5      1G  onnx

model          version  queue  decode    run  encode  ░ queue ▒ decode █ run ▓ encode
half_plus_two  123          -       -  200us       -  ████████████████████████████████████████
resnet         3          2ms   500us    1ms   500us  ░░░░░░░░░░░░░░░░░░░░▒▒▒▒▒██████████▓▓▓▓▓

server  state  req/s   p99  errors   CPU  memory  scrape
c:8501  down       -     -       -     -       -     1ms
b:8501  slow     234  90ms     10%  125%      1G     4ms
a:8501  up      1000   1ms      0%   50%      1G     3ms

! c:8501 is down: http://c:8501/m does not answer: refused
! b:8501 is slow: p99 of resnet 3 is 90ms, of the others 9ms
""",
}


@pytest.mark.parametrize("width", [60, 100, 160])
def test_golden(width: int) -> None:
    assert text(VIEW, width) == GOLDEN[width].strip("\n")


@pytest.mark.parametrize("width", [20, 33, 60, 79, 100, 160, 300])
@pytest.mark.parametrize("height", [None, 1, 5, 12, 24, 50])
@pytest.mark.parametrize("per_signature", [False, True])
def test_no_line_is_too_wide_and_there_are_not_too_many(width: int, height: int | None, per_signature: bool) -> None:
    many = View(0.0, 10.0, 2, 1, models=VIEW.models * 20, signatures=VIEW.models * 30, servers=VIEW.servers * 40)
    wish = Wish(has_keys=height is not None, per_signature=per_signature)
    found = lines(many, wish, width, height)
    assert all(cell_len(line.plain) <= width for line in found)
    assert height is None or len(found) <= height


def test_rows_that_have_no_room_are_counted_and_the_keys_stay() -> None:
    many = View(0.0, 10.0, 2, 3, models=tuple(Row(f"m{n}", "1") for n in range(30)), servers=VIEW.servers)
    found = text(many, 100, 24, Wish(has_keys=True)).splitlines()
    shown = sum(line.startswith("m") and line[1].isdigit() for line in found)
    assert shown > 5
    assert f"… and {30 - shown} more" in found
    assert any(line.startswith("c:8501") for line in found)
    assert found[-1].startswith("q quit")


HOSTILE = "[bold red]x[/] \x1b[2J\x07\r\n\u202eevil\u2028 \x9b31m [link=http://x]y[/link]"


def test_hostile_names_are_shown_and_do_nothing() -> None:
    bad = View(
        0.0,
        10.0,
        2,
        1,
        models=(Row(HOSTILE, HOSTILE, HOSTILE, engine=HOSTILE, stages=STAGES),),
        signatures=(Row(HOSTILE, HOSTILE, HOSTILE, engine=HOSTILE, stages=STAGES),),
        servers=(
            Server(HOSTILE, False, HOSTILE),
            Server("s" + HOSTILE, True, slow=(Slow(HOSTILE, HOSTILE, 1.0, 0.1),)),
        ),
        notice=HOSTILE,
    )
    written = io.StringIO()
    console = Console(file=written, width=400, force_terminal=True, color_system=None, no_color=True)
    for wish in (Wish(), Wish(per_signature=True)):
        plain = text(bad, 400, None, wish)
        assert not set(plain) & set("\x1b\x07\r\x9b\u202e\u2028")
        assert plain.count("\n") == len(lines(bad, wish, 400)) - 1
        console.print(screen(bad, wish, 400))
    assert (
        "[bold red]x[/] \\u001b[2J\\u0007\\r\\n\\u202eevil\\u2028 \\u009b31m [link=http://x]y[/link]"
        in written.getvalue()
    )
    assert "\x1b[2J" not in written.getvalue() and "\x1b]8" not in written.getvalue()


@pytest.mark.parametrize(
    ("view", "says"),
    [
        (View(0.0, 10.0, 0), "Looking at the servers for the first time"),
        (View(0.0, 10.0, 2), "seaway top host:8501"),
        (View(0.0, 10.0, 2, servers=(Server("a", False, "refused"),)), "a is down: refused"),
        (View(0.0, 10.0, 2, servers=(Server("a", False, "refused"),)), "start one with `seaway serve`"),
        (View(0.0, 10.0, 1, up=1, servers=(Server("a", True),)), "Rates need two looks"),
        (View(0.0, 10.0, 2, up=1, servers=(Server("a", True),)), "No model is known"),
        (View(0.0, 10.0, 2, up=1, servers=(Server("a", True),), models=(Row("m", "1"),)), "`seaway bench"),
        (View(0.0, 10.0, 2, notice="targets.json cannot be read"), "targets.json cannot be read"),
    ],
)
def test_states_say_what_to_do(view: View, says: str) -> None:
    assert says in text(view, 160, 24)


def test_nothing_is_told_by_colour_alone() -> None:
    found = text(VIEW, 100)
    assert "slow" in found and "down" in found
    assert "PAUSED" in text(VIEW, 100, None, Wish(is_paused=True))
    assert "this help" in text(VIEW, 100, 24, Wish(is_helping=True))


@pytest.mark.parametrize(
    ("stages", "length", "drawn"),
    [
        (STAGES, 8, "░░░░▒██▓"),
        ({"run": 1.0}, 5, "█████"),
        ({}, 5, ""),
        ({"queue": 1, "decode": 1, "run": 1}, 10, "░░░▒▒▒▒███"),
    ],
)
def test_a_bar_has_its_length_and_its_proportions(stages: dict[str, float], length: int, drawn: str) -> None:
    assert bar(stages, length) == drawn


def test_words() -> None:
    assert [count(each) for each in (None, 0, 0.123, 7.5, 123.4, 12_345, 4.5e6)] == [
        *("-", "0", "0.123", "7.5", "123", "12.3k", "4.5M")
    ]
    assert [time(each) for each in (None, 0, 85e-6, 0.0123, 0.5, 1.5)] == ["-", "0", "85us", "12.3ms", "500ms", "1.5s"]
    assert [size(each) for each in (None, 512, 68e6, 2**40)] == ["-", "512", "64.8M", "1T"]
    assert [share(each) for each in (None, 0, 0.0001, 0.0123, 1.25)] == ["-", "0%", "<0.1%", "1.23%", "125%"]
    assert (cut("abcdefgh", 5), cut("abc", 5), cut("模型模型模型", 6)) == ("ab…gh", "abc", "模…型")
    assert portions([10, 2, 1], 6) == [3, 2, 1]
    assert portions([1, 1], 10) == [1, 1]
    assert portions([5], -3) == [0]
