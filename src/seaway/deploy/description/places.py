"""YAML read into plain data that remembers where each key and value stands.

YAML's surprises are left out: `yes`, `no`, `on` and `off` are texts, `1_000`, `0o7` and `1:30` are too, there are no
tags, no dates, no duplicate keys, and aliases cannot blow a file up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path: TypeAlias = tuple[str | int, ...]
"""Keys and indices from the root, for instance `("models", "mnist", "versions", 0)`."""

MOST_VALUES = 20_000
"""Far more than a description has; what aliases would make of a few lines is more."""

_PREFIX = "tag:yaml.org,2002:"
_TAGS = frozenset({"map", "seq", "str", "int", "float", "bool", "null", "timestamp", "value", "merge"})
_TRUE, _FALSE = re.compile("true|True|TRUE"), re.compile("false|False|FALSE")
_NULL = re.compile("|~|null|Null|NULL")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in the file; lines and columns count from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        """Write it as compilers do."""
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake and where it is. `key` is empty where the file as a whole is meant."""

    position: Position
    key: str
    message: str

    def __str__(self) -> str:
        """Return it without the name of the file."""
        return f"{self.position}: {self.key}: {self.message}" if self.key else f"{self.position}: {self.message}"


@dataclass(slots=True)
class Document:
    """Plain data, and where its keys and values are."""

    value: Any = None
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def position(self, path: Path) -> Position:
        """Return where a key stands; for one that is missing, where that belongs."""
        while path not in self.keys and path not in self.values and path:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path) or Position(1, 1)

    def value_position(self, path: Path) -> Position:
        """Return where a value stands; for one that is missing, where that belongs."""
        return self.values.get(path) or self.position(path)


def shown(path: Path) -> str:
    """Return a path as a person writes it, for instance `models.mnist.versions[0]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_document(text: str) -> Document:
    """Read YAML; what is wrong with it is among the problems of the answer."""
    document = Document()
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as err:
        mark = err.problem_mark or err.context_mark
        at = Position(mark.line + 1, mark.column + 1) if mark is not None else Position(1, 1)
        what = " ".join(part for part in (err.context, err.problem) if part)
        document.problems.append(Problem(at, "", f"this is no YAML: {what}"))
        return document
    except yaml.YAMLError as err:
        document.problems.append(Problem(Position(1, 1), "", f"this is no YAML: {err}"))
        return document
    if root is None:
        document.problems.append(Problem(Position(1, 1), "", "the file is empty; `seaway init` writes one"))
        return document
    reader = _Reader(document)
    document.value = reader.read(root, ())
    return document


class _Reader:
    """Turns nodes into data, at most so many of them."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._left = MOST_VALUES
        self._is_too_much = False
        self._open: list[Node] = []

    def read(self, node: Node, path: Path) -> Any:
        self._left -= 1
        if self._left < 0 or any(node is each for each in self._open):
            if not self._is_too_much:
                self._add(node, path, f"aliases make more than {MOST_VALUES} values of this; write it out")
            self._is_too_much = True
            return None
        self._document.values.setdefault(path, _position(node))
        if node.tag.removeprefix(_PREFIX) not in _TAGS:
            self._add(node, path, f"the tag {node.tag!r} has no meaning here; write plain values")
            return None
        self._open.append(node)
        try:
            return self._content(node, path)
        finally:
            self._open.pop()

    @property
    def _problems(self) -> list[Problem]:
        return self._document.problems

    def _content(self, node: Node, path: Path) -> Any:
        match node:
            case MappingNode():
                return dict(self._members(node, path))
            case SequenceNode():
                return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
            case ScalarNode():
                return scalar(node.value, is_quoted=node.style in {"'", '"', "|", ">"})
        raise AssertionError("YAML has no other nodes")

    def _members(self, node: MappingNode, path: Path) -> Iterator[tuple[str, Any]]:
        seen: set[str] = set()
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._add(key_node, path, "a key has to be a text")
                continue
            key = str(key_node.value)
            if key == "<<":
                self._add(key_node, path, "merging by `<<` is not supported; write the keys out")
                continue
            place = (*path, key)
            if key in seen:
                self._add(key_node, place, f"is there twice, first at {self._document.keys[place]}; keep one")
                continue
            seen.add(key)
            self._document.keys.setdefault(place, _position(key_node))
            yield key, self.read(value_node, place)

    def _add(self, node: Node, path: Path, message: str) -> None:
        self._problems.append(Problem(_position(node), shown(path), message))


def scalar(text: str, is_quoted: bool) -> Any:
    """Return the value of a plain scalar: null, true, false, a number, else the text.

    Source: YAML 1.2 core schema, without its other number bases.
    """
    if is_quoted:
        return text
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text) or _FALSE.fullmatch(text):
        return bool(_TRUE.fullmatch(text))
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text


def _position(node: Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)
