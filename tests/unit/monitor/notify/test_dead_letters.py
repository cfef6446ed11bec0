"""Dead letters outlive the process, have a bound, and survive a broken file."""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec
import pytest

from seaway.errors import FailedPrecondition, InvalidArgument
from seaway.monitor.notify.dead_letters import DeadLetter, DeadLetters, Delivery
from tests.support.notification_samples import HOSTILE, notice


def letter(name: str, **fields: object) -> DeadLetter:
    return DeadLetter(Delivery(name, "chat", "t", "b", (notice(**fields),), 1.0, 3), 2.0, "down")


def ids(letters: DeadLetters) -> list[str]:
    return [each.delivery.id for each in letters.all()]


def test_letters_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "not yet" / "dead.jsonl"
    readable = {name: value for name, value in HOSTILE.items() if name not in ("half", "long")}
    letters = [letter("1", labels=readable), letter("2")]
    DeadLetters(path).add(*letters)
    assert DeadLetters(path).all() == tuple(letters)
    assert [msgspec.json.decode(line)["delivery"]["id"] for line in path.read_bytes().splitlines()] == ["1", "2"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_taken_letters_are_gone_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    letters = DeadLetters(path)
    letters.add(letter("1"), letter("2"), letter("3"))
    assert letters.take(lambda each: each.delivery.id == "2") == (letter("2"),)
    assert ids(DeadLetters(path)) == ["1", "3"]


def test_the_oldest_make_room(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "dead.jsonl"
    letters = DeadLetters(path, limit=3)
    for number in range(5):
        letters.add(letter(str(number)))
    assert ids(letters) == ids(DeadLetters(path)) == ["2", "3", "4"]
    assert "beyond the limit of 3" in caplog.text
    assert ids(DeadLetters(path, limit=2)) == ["3", "4"]


def test_lines_that_are_no_letters_are_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "dead.jsonl"
    DeadLetters(path).add(letter("1"), letter("2"))
    path.write_bytes(b'\xff\xfe\n{"delivery":\n' + path.read_bytes() + b"{}\n")
    with caplog.at_level(logging.WARNING):
        assert ids(DeadLetters(path)) == ["1", "2"]
    assert "3 lines" in caplog.text


def test_half_a_character_does_not_stop_writing(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    letters = DeadLetters(path)
    letters.add(letter("1", labels={"k": "\ud800"}), letter("2"))
    assert ids(DeadLetters(path)) == ["1", "2"]


def test_a_disk_that_refuses_keeps_them_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    letters = DeadLetters(tmp_path / "dead.jsonl")
    letters._path = tmp_path / "file" / "dead.jsonl"
    letters.add(letter("1"))
    assert ids(letters) == ["1"]
    assert "cannot be written" in caplog.text


def test_what_cannot_be_read_or_bounded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FailedPrecondition, match="cannot be read"):
        DeadLetters(tmp_path)
    with pytest.raises(InvalidArgument):
        DeadLetters(tmp_path / "dead.jsonl", limit=0)
