"""What the commands print, word for word: help, versions, refusals. `make golden` rewrites the files; review the diff.

A file holds the command line, a line of dashes, the exit code, and what went to the standard output and error streams.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

import seaway
from seaway.cli import main
from seaway.cli.tensorflow_model_server import command
from seaway.settings.server import ServerSettings

DIRECTORY = Path(__file__).parents[2] / "golden" / "cli"
FILES = sorted(DIRECTORY.glob("*.txt"))
SEPARATOR = "-" * 10 + "\n"


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Versions and cores differ from machine to machine; here they do not."""
    monkeypatch.setattr(seaway, "__version__", "1.2.3", raising=False)
    monkeypatch.setattr(command, "library_version", lambda: "2.21.0")
    monkeypatch.setattr(command, "usable_cores", lambda: 2)


@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_golden_output_of_a_command(
    file: Path, capsys: pytest.CaptureFixture[str], started: list[ServerSettings]
) -> None:
    line, _, expected = file.read_text().partition(SEPARATOR)
    program, *arguments = shlex.split(line)
    code = main.run(arguments) if program == "seaway" else command.run(arguments, {})
    streams = capsys.readouterr()
    actual = f"exit code {code}, servers started: {len(started)}\n[stdout]\n{streams.out}[stderr]\n{streams.err}"
    actual = re.sub(r"^\S+Z (WARNING|ERROR)", r"TIME \1", actual, flags=re.MULTILINE)
    actual = re.sub(r"[ \t]+$", "", actual, flags=re.MULTILINE)
    if os.environ.get("SEAWAY_GOLDEN") == "rewrite":
        file.write_text(line + SEPARATOR + actual)
        expected = actual
    assert actual == expected


def test_there_are_golden_files() -> None:
    assert len(FILES) >= 15
