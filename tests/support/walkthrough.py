"""Follows a page of the documentation as its reader does: writes its files, types its commands, looks at what they say.

A fence's first word is the language, the rest says what the block is:

    ```python train.py          the file `train.py`
    ```console                  commands after `$ `, each followed by what it prints; `...` stands for anything
    ```console repeat           commands that are typed again, as the page asks for, until they print what follows
    ```console server           a terminal of that name, whose last command goes on running; its lines are waited for

Other blocks are there to be read. Parsing and matching are pure; `Walk` does what they say in one directory. A terminal
is ended by Ctrl-C when a later block of the same name begins, and at the end.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.eventually import eventually

_FENCE = re.compile(r"^```(\w*)[ \t]*([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROMPT = "$ "
_REPEAT = "repeat"
_CONTINUED = "> "
_COMMAND_S = 300.0
_END_S = 30.0


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, the rest of the fence's line, its text, and the line it begins at."""

    language: str
    name: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Command:
    """What is typed, and what is printed then; `...` in it stands for anything."""

    text: str
    expected: str


def blocks(page: str) -> tuple[Block, ...]:
    """Return the fenced blocks of a page, in order."""
    return tuple(
        Block(found[1], found[2].strip(), found[3], page.count("\n", 0, found.start()) + 1)
        for found in _FENCE.finditer(page)
    )


def commands(text: str) -> tuple[Command, ...]:
    """Return the commands of a console block. Lines that begin with `> ` go on with the command before."""
    found: list[tuple[list[str], list[str]]] = []
    for line in text.splitlines():
        if line.startswith(_PROMPT):
            found.append(([line.removeprefix(_PROMPT)], []))
        elif not found:
            raise ValueError(f"a console block begins with a command after {_PROMPT!r}, not with {line!r}")
        elif line.startswith(_CONTINUED) and not found[-1][1]:
            found[-1][0].append(line.removeprefix(_CONTINUED))
        else:
            found[-1][1].append(line)
    return tuple(Command("\n".join(typed), "\n".join(printed)) for typed, printed in found)


def matches(expected: str, printed: str) -> bool:
    """Tell whether what was printed is what the page shows; `...` stands for anything."""
    pattern = ".*".join(map(re.escape, _trimmed(expected).split("...")))
    return re.fullmatch(pattern, _trimmed(printed), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


class Walk:
    """One reader in one directory."""

    def __init__(self, directory: Path, environment: Mapping[str, str], within: tuple[str, ...] = ()) -> None:
        """Change nothing yet; `within` begins each command, to enter a network namespace."""
        self._directory = directory
        self._environment = dict(environment)
        self._within = within
        self._terminals: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}

    def follow(self, page: str) -> Iterator[str]:
        """Do what each block says, and yield it in words beforehand.

        Raises:  AssertionError - a command fails, or prints something else than the page shows.
        """
        for block in blocks(page):
            where = f"line {block.line}"
            if block.language != "console":
                if block.name:
                    yield f"{where}: file {block.name}"
                    self._write(block.name, block.text)
                continue
            for number, command in enumerate(found := commands(block.text), 1):
                yield f"{where}: {command.text}"
                if block.name == _REPEAT:
                    self._repeat(command, where)
                elif block.name and number == len(found):
                    self._begin(block.name, command)
                else:
                    self._run(command, where)

    def close(self) -> None:
        """End what still runs."""
        for name in list(self._terminals):
            self._end(name)

    def _write(self, name: str, text: str) -> None:
        path = self._directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def _run(self, command: Command, where: str) -> None:
        printed = self._printed(command, where)
        assert matches(command.expected, printed), (
            f"{where}: {command.text}\n--- the page shows:\n{command.expected}\n--- it printed:\n{printed}"
        )

    def _repeat(self, command: Command, where: str) -> None:
        eventually(
            lambda: self._printed(command, where),
            lambda printed: matches(command.expected, printed),
            f"{where}: {command.text} prints what the page shows:\n{command.expected}\n---",
        )

    def _printed(self, command: Command, where: str) -> str:
        ran = subprocess.run(
            self._shell(command.text),
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
        assert ran.returncode == 0, f"{where}: {command.text}\nended with {ran.returncode}:\n{ran.stdout}{self._said()}"
        return ran.stdout

    def _begin(self, name: str, command: Command) -> None:
        if name in self._terminals:
            self._end(name)
        path = self._directory / f".{name}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                self._shell(f"exec {command.text}"),
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._terminals[name] = (process, path)
        wanted = command.expected + "..."
        eventually(
            lambda: path.read_text(errors="replace"),
            lambda printed: matches(wanted, printed),
            f"`{command.text}` prints what the page shows:\n{command.expected}\n---",
        )

    def _end(self, name: str) -> None:
        process, _ = self._terminals.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise AssertionError(f"the terminal {name!r} did not end after Ctrl-C") from None

    def _shell(self, text: str) -> list[str]:
        return [*self._within, "bash", "-euo", "pipefail", "-c", text]

    def _said(self) -> str:
        return "".join(
            f"--- terminal {name}:\n{path.read_text(errors='replace')[-3000:]}"
            for name, (_, path) in self._terminals.items()
        )
