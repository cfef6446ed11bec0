"""Reading a command line by the rules of TensorFlow's own flag parser.

`--name=value` only, booleans also as `--name`; whatever matches no flag is left over and does not stop the server,
while a value that cannot be read does. These rules differ from every Python parser, hence this one.

Source: tensorflow/core/util/command_line_flags.cc
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seaway.cli.tensorflow_model_server.flags import BY_NAME, FLAGS, Flag, Value

_INTEGER = re.compile(r"\s*[+-]?\d+")
_FLOAT = re.compile(r"\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|nan)", re.IGNORECASE)
_BITS = {"int32": 31, "int64": 63}


@dataclass(frozen=True, slots=True)
class ParsedFlags:
    """What a command line says: the values it gives, what it left over, and what could not be read."""

    given: Mapping[str, Value]
    unknown: tuple[str, ...]
    complaints: tuple[str, ...]

    @property
    def wants_usage_only(self) -> bool:
        """Tell whether the usage text is printed and nothing started."""
        return bool(self.complaints) or self.unknown[:1] == ("--help",)

    def value(self, name: str) -> Value:
        """Return what was given, or else the default of the flag."""
        return self.given.get(name, BY_NAME[name].default)

    def text(self, name: str) -> str:
        """Return the value of a text flag."""
        return str(self.value(name))

    def number(self, name: str) -> int:
        """Return the value of a whole-number flag."""
        return int(self.value(name))


def parse_flags(arguments: Sequence[str]) -> ParsedFlags:
    """Read the arguments after the program's name; the last of several values for a flag counts."""
    given: dict[str, Value] = {}
    unknown: list[str] = []
    complaints: list[str] = []
    for position, argument in enumerate(arguments):
        if argument == "--":
            unknown += arguments[position:]
            break
        flag = _flag_of(argument)
        if flag is None:
            unknown.append(argument)
            continue
        text = argument.removeprefix("--" + flag.name)
        value = _value(flag, text)
        if value is None:
            complaints.append(f"Couldn't interpret value {_shown(flag, text)} for flag {flag.name}.")
        else:
            given[flag.name] = value
    return ParsedFlags(given, tuple(unknown), tuple(complaints))


def usage(program: str, cores: int) -> str:
    """Return the usage text, in the form in which TensorFlow prints it."""
    lines = [f"usage: {program}", "Flags:"]
    for flag in FLAGS:
        assignment = f"--{flag.name}={_default_shown(flag, cores)}"
        lines.append(f"\t{assignment:<33}\t{flag.kind}\t{flag.usage}")
    return "\n".join(lines) + "\n"


def _flag_of(argument: str) -> Flag | None:
    """Return the flag that an argument addresses; a boolean claims whatever starts with its name."""
    for flag in FLAGS:
        if argument.startswith(f"--{flag.name}" + ("" if flag.kind == "bool" else "=")):
            return flag
    return None


def _value(flag: Flag, text: str) -> Value | None:
    """Return the value of `=text` (or of nothing, for a boolean), or None when it cannot be read."""
    match flag.kind:
        case "bool":
            return {"": True, "=true": True, "=false": False}.get(text)
        case "int32" | "int64":
            return _integer(text[1:], _BITS[flag.kind])
        case "float":
            return float(text[1:]) if _FLOAT.fullmatch(text[1:]) else None
        case "string":
            return text[1:]


def _integer(text: str, bits: int) -> int | None:
    if not _INTEGER.fullmatch(text) or len(text) > 30:  # noqa: PLR2004 - far more digits than either width has
        return None
    number = int(text)
    return number if -(2**bits) <= number < 2**bits else None


def _shown(flag: Flag, text: str) -> str:
    return text if flag.kind == "bool" else text[1:]


def _default_shown(flag: Flag, cores: int) -> str:
    default = flag.default_on(cores)
    match flag.kind:
        case "bool":
            return "true" if default else "false"
        case "string":
            return f'"{default}"'
        case "float":
            return f"{default:f}"
        case _:
            return str(default)
