"""What changes for clients between two versions: a pure decision over their signatures, and their answers to the same.

breaking     a call that was answered by A is refused by B, or its answer cannot be read as before
compatible   something more is accepted or answered
answers      the same request is answered otherwise, which is what a new version is for; shown, not judged
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from seaway.engines.signatures import FREE, Signature, TensorSpec
from seaway.export.signature import shown_spec

Weight = Literal["breaking", "compatible"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two signatures."""

    weight: Weight
    signature: str
    what: str


def changes(before: Mapping[str, Signature], after: Mapping[str, Signature]) -> list[Change]:
    """Return what is different for clients, breaking changes first."""
    return sorted(_changes(before, after), key=lambda change: (change.weight, change.signature))


def _changes(before: Mapping[str, Signature], after: Mapping[str, Signature]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        if name not in after:
            yield Change("breaking", name, "the signature is gone")
        elif name not in before:
            yield Change("compatible", name, "the signature is new")
        else:
            yield from _inputs(name, before[name].inputs, after[name].inputs)
            yield from _outputs(name, before[name].outputs, after[name].outputs)


def _inputs(signature: str, before: Mapping[str, TensorSpec], after: Mapping[str, TensorSpec]) -> Iterator[Change]:
    yield from _gone("input", signature, before, after)
    for name in _new(before, after):
        yield Change("breaking", signature, f"input {name!r} is new, and requests of today lack it")
    for name in sorted(before.keys() & after.keys()):
        yield from _input(signature, name, before[name], after[name])


def _input(signature: str, name: str, before: TensorSpec, after: TensorSpec) -> Iterator[Change]:
    if before == after:
        return
    what = f"input {name!r}: {shown_spec(before)} becomes {shown_spec(after)}"
    takes_all = before.dtype == after.dtype and _includes(after.shape, before.shape)
    yield Change("compatible" if takes_all else "breaking", signature, what)


def _outputs(signature: str, before: Mapping[str, TensorSpec], after: Mapping[str, TensorSpec]) -> Iterator[Change]:
    yield from _gone("output", signature, before, after)
    for name in _new(before, after):
        # Row by row over REST, a single output is written without its name.
        alone = len(before) == 1
        hint = "; over REST a single output has no name, several have" if alone else ""
        yield Change("breaking" if alone else "compatible", signature, f"output {name!r} is new{hint}")
    for name in sorted(before.keys() & after.keys()):
        yield from _output(signature, name, before[name], after[name])


def _output(signature: str, name: str, before: TensorSpec, after: TensorSpec) -> Iterator[Change]:
    if before == after:
        return
    what = f"output {name!r}: {shown_spec(before)} becomes {shown_spec(after)}"
    reads_all = before.dtype == after.dtype and _includes(before.shape, after.shape)
    yield Change("compatible" if reads_all else "breaking", signature, what)


def _gone(
    what: str, signature: str, before: Mapping[str, TensorSpec], after: Mapping[str, TensorSpec]
) -> Iterator[Change]:
    for name in sorted(before.keys() - after.keys()):
        renamed = [other for other in _new(before, after) if after[other] == before[name]]
        instead = f"; {renamed[0]!r} looks like its new name" if renamed else ""
        yield Change("breaking", signature, f"{what} {name!r} is gone{instead}")


def _new(before: Mapping[str, TensorSpec], after: Mapping[str, TensorSpec]) -> list[str]:
    return sorted(after.keys() - before.keys())


def _includes(wide: tuple[int, ...] | None, narrow: tuple[int, ...] | None) -> bool:
    """Tell whether everything of the second shape is of the first too."""
    if wide is None:
        return True
    if narrow is None or len(wide) != len(narrow):
        return False
    return all(one in (FREE, other) for one, other in zip(wide, narrow, strict=True))
