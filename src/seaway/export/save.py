"""One export, from a model in memory to a version that servers may take.

    adapt → ask the model here → write beside → proof → verify in another process → move in

Whatever fails leaves the store as it was.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seaway
from seaway.clock import SystemClock, utc
from seaway.engines.signatures import Signature as Declared
from seaway.errors import InvalidArgument
from seaway.export.adapter import Adapted, Wish
from seaway.export.detection import adapted, name_of
from seaway.export.examples import given_examples
from seaway.export.local_store import LocalStore
from seaway.export.packages import installed_versions
from seaway.export.recording import Recording, recorded, write_records
from seaway.export.signature import described
from seaway.export.statistics import statistics_of
from seaway.export.store import Store
from seaway.export.url_store import UrlStore
from seaway.export.verification import Verified, verified
from seaway.proof.passport import (
    FORMAT,
    Examples,
    Passport,
    Statistics,
    write_passport,
)
from seaway.stores.url import is_remote, local_path

_BROKEN_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/(?!/)")


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of a version's answers."""

    origin: str
    """`given` or `generated`: where the recorded requests come from."""
    records: int
    largest: float
    """Largest difference between the model's answers and those of the files, relative to the largest value."""
    without: tuple[str, ...] = ()
    """Signatures of which nothing is known."""

    def __str__(self) -> str:
        """Return a sentence."""
        if not self.records:
            return "none: the model answers no request that can be made up; give examples"
        kind = "given" if self.origin == "given" else "made from the signature"
        lacking = f"; nothing for {', '.join(self.without)}" if self.without else ""
        return f"{self.records} requests ({kind}) with their answers, largest difference {self.largest:.1e}{lacking}"


@dataclass(frozen=True, slots=True)
class Saved:
    """A version that has been written; printed, it is what somebody wants to check."""

    path: str
    version: int
    engine: str
    """Which engine the files are for."""
    signatures: Mapping[str, Declared]
    proof: Proof

    def __str__(self) -> str:
        """Return path, engine, signatures and proof, a line each."""
        signatures = [f"  {name}: {described(each)}" for name, each in sorted(self.signatures.items())]
        return "\n".join([f"{self.path} (for the engine {self.engine})", *signatures, f"  proof: {self.proof}"])


def save(
    model: Any, store: str | Path | Store, *, examples: Any = None, signatures: Any = None, data: Any = None
) -> Saved:
    """Write a model as the next version, prove that the files answer as the model, and let servers see it.

    `examples`: rows to record with the model's answers; by input where there are several. `signatures`: a
    `seaway.export.Signature` by name, or TensorFlow functions by name. `data`: what the model was trained on, of which
    statistics are kept, never rows. `store`: the model's directory or its URL (docs/model-store.md).

    Raises:  InvalidArgument - the model is of no kind that is known, or examples, signatures or data do not fit it;
             FailedPrecondition - it cannot be exported, or the files answer otherwise; OSError - of the store.
    """
    target = _store(store)
    given = given_examples(examples)
    like = given_examples(data) if data is not None else None
    wish = Wish(given, _signatures(signatures))
    prepared = adapted(model, wish, like)
    recording = recorded(prepared, given)
    statistics = _statistics(data, prepared)
    with target.begin() as draft:
        prepared.write(draft)
        write_records(draft, recording.records)
        write_passport(draft, _passport(name_of(model), prepared, recording, statistics))
        found = verified(draft, prepared.engine) if recording.records else Verified(0, 0.0)
        published = target.publish(draft)
    proof = Proof(recording.origin, len(recording.records), found.largest, recording.without)
    return Saved(published.place, published.version, prepared.engine, dict(prepared.signatures), proof)


def _store(named: str | Path | Store) -> Store:
    if not isinstance(named, (str, Path)):
        return named
    if isinstance(named, Path) and _BROKEN_URL.match(str(named)):
        raise InvalidArgument(f"a Path has one slash of {str(named)!r}, so it is no URL any more; give the URL as text")
    return UrlStore(str(named)) if is_remote(str(named)) else LocalStore(local_path(str(named)))


def _signatures(given: Any) -> Mapping[str, object]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise InvalidArgument(
            f"signatures is a {type(given).__name__}; give {{'serving_default': seaway.export.Signature(...)}}"
        )
    return {str(name): each for name, each in given.items()}


def _statistics(data: Any, prepared: Adapted) -> Statistics | None:
    if data is None:
        return None
    inputs = [name for signature in prepared.signatures.values() for name in signature.inputs]
    return statistics_of(data, inputs[0] if inputs else "inputs", getattr(data, "columns", None))


def _passport(model: str, prepared: Adapted, recording: Recording, statistics: Statistics | None) -> Passport:
    examples = Examples(recording.origin, len(recording.records), recording.size_bytes) if recording.records else None
    made_with = {"seaway": seaway.__version__, "python": platform.python_version()}
    return Passport(
        format=FORMAT,
        model=model,
        made_at=utc(SystemClock().wall()),
        made_with=made_with | installed_versions(prepared.packages),
        examples=examples,
        tolerance=dict(prepared.tolerance),
        statistics=statistics,
    )
