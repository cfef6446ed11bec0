"""How names and numbers are written, by tables."""

from __future__ import annotations

import pytest

from seaway.monitor.page import text

ATTACK = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("half_plus_two", "half_plus_two"),
        ("", ""),
        ("ünïcödé 模型", "ünïcödé 模型"),
        (ATTACK, ATTACK),
        ("two\nlines\r\t", r"two\nlines\r\t"),
        ("a\u202eb", r"a\u202eb"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("bell\x07 nul\x00", r"bell\u0007 nul\u0000"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("\ud800", r"\ud800"),
        ("line\u2028end", r"line\u2028end"),
    ],
)
def test_names_become_one_line_of_visible_characters(given: str, shown: str) -> None:
    assert text.visible(given) == shown


@pytest.mark.parametrize("length", [63, 64, 65, 1000, 100_000])
def test_a_long_name_is_cut_in_its_middle(length: int) -> None:
    name = "a" * (length - 1) + "z"
    shown = text.visible(name)
    assert len(shown) == min(length, 64)
    assert shown.endswith("z")
    assert ("…" in shown) == (length > 64)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("half_plus_two", "/model/half_plus_two?range=1h"),
        ("v1.2-a", "/model/v1.2-a?range=1h"),
        (".", "/model?name=.&range=1h"),
        ("..", "/model?name=..&range=1h"),
        ("a/b", "/model?name=a%2Fb&range=1h"),
        ("100%", "/model?name=100%25&range=1h"),
        ("%2e%2e", "/model?name=%252e%252e&range=1h"),
        ("a\nb", "/model?name=a%0Ab&range=1h"),
        ("a b&c=d#e?f", "/model?name=a%20b%26c%3Dd%23e%3Ff&range=1h"),
        ("javascript:alert(1)", "/model?name=javascript%3Aalert%281%29&range=1h"),
        (ATTACK, "/model?name=%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E&range=1h"),
        ("模", "/model?name=%E6%A8%A1&range=1h"),
    ],
)
def test_only_plain_names_are_a_piece_of_a_path(name: str, address: str) -> None:
    assert text.model_address(name, range="1h") == address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://10.0.0.1:8501/metrics", "http://10.0.0.1:8501/metrics"),
        ("https://user:secret@host/metrics?token=secret#secret", "https://host/metrics"),
        ("http://[::1]:8501/m", "http://[::1]:8501/m"),
        ("http://user:secret@host:port/x?secret", "host:port/x"),
    ],
)
def test_secrets_of_an_address_are_left_out(url: str, shown: str) -> None:
    assert text.without_secrets(url) == shown


@pytest.mark.parametrize(
    ("write", "value", "written"),
    [
        (text.number, None, "—"),
        (text.number, float("nan"), "—"),
        (text.number, float("inf"), "—"),
        (text.number, 0.0, "0"),
        (text.number, 3.0, "3"),
        (text.number, 0.08912, "0.0891"),
        (text.number, 0.00002, "2e-05"),
        (text.number, 1234.0, "1234"),
        (text.number, 12_345.0, "12.3 k"),
        (text.number, 1.2e6, "1.2 M"),
        (text.number, 4e9, "4 G"),
        (text.rate, 67.84, "67.8/s"),
        (text.rate, None, "—"),
        (text.seconds, 0.00085, "850 µs"),
        (text.seconds, 0.01234, "12.3 ms"),
        (text.seconds, 1.5, "1.5 s"),
        (text.seconds, 180.0, "3 min"),
        (text.seconds, 9000.0, "2.5 h"),
        (text.size, 512.0, "512 B"),
        (text.size, 1536.0, "1.5 KiB"),
        (text.size, 1.06 * 2**30, "1.06 GiB"),
        (text.size, 5 * 2.0**40, "5 TiB"),
        (text.share, 0.0, "0 %"),
        (text.share, 0.0103, "1.03 %"),
        (text.share, 0.00000001, "< 0.01 %"),
        (text.share, 1.0, "100 %"),
    ],
)
def test_numbers_are_written_for_people(write: object, value: float | None, written: str) -> None:
    assert callable(write)
    assert write(value) == written


@pytest.mark.parametrize(
    ("then", "written"),
    [(0.0, "never"), (1000.0, "0 s ago"), (910.0, "90 s ago"), (1001.0, "0 s ago")],
)
def test_how_long_ago(then: float, written: str) -> None:
    assert text.ago(then, 1000.0) == written


def test_days_and_hours_ago() -> None:
    assert text.ago(1.0, 3 * 86_400.0 + 1) == "3 d ago"
    assert text.ago(1.0, 5 * 3600.0 + 1) == "5 h ago"
    assert text.ago(1.0, 601.0) == "10 min ago"
