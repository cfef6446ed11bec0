"""Becomes the server of a replica, or the monitor: `python -m seaway.deploy.targets.process.start FILE`.

supervisord would have environment and arguments in a syntax of its own, with `%` and quotes to escape; here they
come from a JSON file as they are.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import msgspec

from seaway.fleet.data import Data


class Program(Data, frozen=True):
    """What all such files say: the command and the variables that are set for it."""

    command: tuple[str, ...]
    environment: dict[str, str]


def main(file: str) -> None:
    """Replace this process by the program that a file describes."""
    program = msgspec.json.decode(Path(file).read_bytes(), type=Program)
    os.execve(program.command[0], list(program.command), {**os.environ, **program.environment})


if __name__ == "__main__":
    main(sys.argv[1])
