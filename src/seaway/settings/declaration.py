"""How one setting is declared: default, sentence, unit, bounds and names, all in the place where the field stands.

The command line of `seaway serve`, the `SEAWAY_*` variables, the settings file, the checks and the reference page are
derived from these declarations, so a setting cannot exist without its documentation nor be spelled twice. This module
knows no particular setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from seaway.settings.secret import Secret

_KEY = "seaway"

Kind = Literal["true or false", "integer", "number", "text", "list of text", "secret", "choice"]


@dataclass(frozen=True, slots=True)
class Declaration:
    """The metadata of one setting; `flag` is empty where a command line would expose a secret."""

    doc: str
    flag: str
    env: str
    unit: str
    at_least: float | None
    at_most: float | None
    pattern: str
    expects: str
    tensorflow_serving: str
    standard: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting and where it lives in the settings value."""

    group: str
    name: str
    kind: Kind
    choices: tuple[str, ...]
    default: Any
    declaration: Declaration

    @property
    def path(self) -> str:
        """The name in the settings file, for instance `network.grpc_port`."""
        return f"{self.group}.{self.name}"

    @property
    def bounds(self) -> str:
        """What is allowed, as a reader wants to see it; empty when anything of the kind is."""
        low, high = self.declaration.at_least, self.declaration.at_most
        if self.choices:
            return " | ".join(choice or '""' for choice in self.choices)
        if low is not None and high is not None:
            return f"{_plain(low)} to {_plain(high)}"
        if low is not None:
            return f"at least {_plain(low)}"
        return self.declaration.expects


def setting(  # noqa: PLR0913 - a declaration names everything about one setting, by keyword
    default: Any,
    doc: str,
    *,
    flag: str,
    env: str = "",
    unit: str = "",
    at_least: float | None = None,
    at_most: float | None = None,
    pattern: str = "",
    expects: str = "",
    tensorflow_serving: str = "",
    standard: tuple[str, ...] = (),
) -> Any:
    """Declare a dataclass field as a setting; `env` follows from the flag unless it is given.

    `pattern` must match the whole text of a value and `expects` says in words what it asks for;
    `tensorflow_serving` is the flag of tensorflow_model_server that sets the same thing, and `standard` are variables
    that set it in every program, the first that is set before the others.
    """
    variable = env or "SEAWAY_" + flag.removeprefix("--").replace("-", "_").upper()
    declaration = Declaration(
        doc, flag, variable, unit, at_least, at_most, pattern, expects, tensorflow_serving, standard
    )
    return field(default=default, metadata={_KEY: declaration})


def declared(settings_type: type) -> tuple[Setting, ...]:
    """Return every setting of a value made of groups, in the order of declaration."""
    return tuple(_settings(settings_type))


def matches(declaration: Declaration, text: str) -> bool:
    """Tell whether a text has the form that the declaration asks for."""
    return not declaration.pattern or re.fullmatch(declaration.pattern, text) is not None


def _settings(settings_type: type) -> Iterator[Setting]:
    for group, group_type in get_type_hints(settings_type).items():
        if not is_dataclass(group_type):
            raise TypeError(f"{settings_type.__name__}.{group} is not a group of settings")
        hints = get_type_hints(group_type)
        for item in fields(group_type):
            kind, choices = _kind(hints[item.name])
            yield Setting(group, item.name, kind, choices, item.default, item.metadata[_KEY])


def _kind(hint: Any) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(hint) is Literal:
        return "choice", get_args(hint)
    kinds: dict[Any, Kind] = {
        bool: "true or false",
        int: "integer",
        float: "number",
        str: "text",
        tuple[str, ...]: "list of text",
        Secret: "secret",
    }
    return kinds[hint], ()


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)
