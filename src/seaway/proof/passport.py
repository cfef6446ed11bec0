"""`assets.extra/seaway.json`: what an exporter says of a version beside its graph.

Where its recorded answers come from, how far an answer may differ from them, what it was made with, and what its
training data looked like. TensorFlow Serving leaves `assets.extra` alone, so a version with this file serves there too.
That the file is there tells recorded answers that must come out again from a log that merely has answers in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from seaway.errors import DataLoss
from seaway.proof.agreement import TOLERANCES, Tolerance

PASSPORT_FILE = Path("assets.extra") / "seaway.json"
FORMAT = 1
"""The only form there is so far; a newer one is refused by name."""

Origin = Literal["given", "generated", "logged"]


class Examples(msgspec.Struct, frozen=True):
    """The recorded requests of a version."""

    origin: Origin
    """`given`: rows of somebody's data. `generated`: made up from the signature. `logged`: from a log of requests."""
    records: int
    """How many requests with their answers the warm-up file holds."""
    size_bytes: int


class Allowed(msgspec.Struct, frozen=True):
    """How far a value of one element type may differ: a share of itself, or of the largest value of its output."""

    of_itself: float
    of_largest: float


class Feature(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one feature of the training data looked like; numbers are absent where it holds words."""

    count: int
    """Values that are there, without what is missing."""
    missing: int = 0
    mean: float | None = None
    std: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: dict[str, float] = {}
    """By the share of values below them: `0.01` to `0.99`."""
    categories: dict[str, int] = {}
    """How often each value came, the most frequent first; for words, booleans and integers of few values."""
    other_categories: int = 0
    """Values of categories that are not listed."""


class Statistics(msgspec.Struct, frozen=True):
    """What the training data looked like, feature by feature."""

    rows: int
    features: dict[str, Feature]


class Passport(msgspec.Struct, frozen=True):
    """The whole file."""

    format: int
    model: str
    """What was exported, for instance `sklearn.pipeline.Pipeline`."""
    made_at: str
    """UTC, for a person."""
    made_with: dict[str, str]
    """Versions of the packages that took part."""
    examples: Examples | None = None
    tolerance: dict[str, Allowed] = {}
    """By element type; a type that is not here must agree exactly."""
    statistics: Statistics | None = None

    @property
    def tolerances(self) -> dict[str, Tolerance]:
        """Return how far answers may differ."""
        return {name: Tolerance(each.of_itself, each.of_largest) for name, each in self.tolerance.items()}


def default_tolerance() -> dict[str, Allowed]:
    """Return what another set of kernels may make of the same graph."""
    return {name: Allowed(each.of_itself, each.of_largest) for name, each in TOLERANCES.items()}


def write_passport(version_path: Path, passport: Passport) -> None:
    """Write the file of a version: beside first and then moved in, since a server may be reading it."""
    file = version_path / PASSPORT_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.part")
    beside.write_bytes(msgspec.json.format(msgspec.json.encode(passport), indent=2) + b"\n")
    beside.replace(file)


def read_passport(version_path: Path) -> Passport | None:
    """Return what is said of a version; None when nothing is.

    Raises:  DataLoss - the file is there, and is not of the form that this release reads.
    """
    file = version_path / PASSPORT_FILE
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        passport = msgspec.json.decode(content, type=Passport)
    except (msgspec.MsgspecError, UnicodeDecodeError) as err:
        raise DataLoss(f"{file} cannot be read: {err}; export the model again") from err
    if passport.format != FORMAT:
        raise DataLoss(f"{file} is of format {passport.format}; this release reads format {FORMAT}")
    return passport
