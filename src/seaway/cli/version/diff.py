"""`seaway diff`: what a version changes for the clients of another one, before it is served.

Signatures are read from the files; answers are those of the second version to the requests that the first one carries.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path

import typer

from seaway.cli.version.place import Place, inspected, is_single_file, to_load, to_read
from seaway.cli.version.verify import engines_to_ask, installed
from seaway.errors import FailedPrecondition, SeawayError
from seaway.export.answers import Contrasts, contrasts
from seaway.export.difference import Change, changes
from seaway.proof.replay import recorded_answers
from seaway.proof.warmup import read_warmup_records
from seaway.serving.verification import brought_up
from seaway.stores.url import is_remote


def show(before: str, after: str, answers: bool, as_json: bool) -> None:
    """Print what changes. Raises: FailedPrecondition - something breaks, says what."""
    with to_read(before) as one, _to_ask(after, answers) as other:
        found = inspected(one, installed()), inspected(other, installed())
        changed = changes(found[0].graph.signatures, found[1].graph.signatures)
        contrast = _contrasts(found[0].path, found[1].path) if answers else None
    if as_json:
        typer.echo(json.dumps(_values(changed, contrast), indent=2))
    else:
        for line in lines(changed, contrast):
            typer.echo(line)
    if why := breaks(changed, contrast):
        raise FailedPrecondition(f"{found[1].place} breaks clients of {found[0].place}: {why}")


def lines(changed: Sequence[Change], contrast: Contrasts | None) -> Iterator[str]:
    """Yield what changes, for a person."""
    if not changed:
        yield "signatures: the same"
    for change in changed:
        yield f"{change.weight:<11} {change.signature}: {change.what}"
    if contrast is None:
        return
    if not contrast.requests:
        yield "answers: A carries no recorded request with its answer"
        return
    yield f"answers to {contrast.requests} requests recorded with A"
    for name, each in contrast.outputs.items():
        largest = f", by at most {each.largest:.1e} of the largest" if each.largest else ""
        told = f"{each.changed} of {each.values} values differ{largest}" if each.changed else "the same"
        yield f"  {name:<20} {told}"
    if contrast.refused:
        yield f"  {len(contrast.refused)} of them refused, the first: {contrast.refused[0]}"


def breaks(changed: Sequence[Change], contrast: Contrasts | None) -> str:
    """Return the first reason why clients break, empty where there is none."""
    for change in changed:
        if change.weight == "breaking":
            return f"signature {change.signature}: {change.what}"
    return contrast.refused[0] if contrast is not None and contrast.refused else ""


def _to_ask(after: str, answers: bool) -> AbstractContextManager[Place]:
    return to_load(after) if answers and is_remote(after) and not is_single_file(after) else to_read(after)


def _contrasts(before: Path, after: Path) -> Contrasts:
    recorded = recorded_answers(read_warmup_records(before)) if before.is_dir() else []
    if not recorded:
        return Contrasts(0, (), {})
    if not after.is_dir():
        raise FailedPrecondition(f"{after} is a file, which is not loaded; give a version's directory, or --no-answers")
    engine = engines_to_ask(after, "")[0]
    try:
        with brought_up(after, engine) as ask:
            return contrasts(recorded, ask)
    except SeawayError as err:
        raise FailedPrecondition(f"{after} cannot be asked on {engine}: {err.message}") from err


def _values(changed: Sequence[Change], contrast: Contrasts | None) -> dict[str, object]:
    answers = None
    if contrast is not None and contrast.requests:
        outputs = {name: asdict(each) for name, each in contrast.outputs.items()}
        answers = {"requests": contrast.requests, "refused": list(contrast.refused), "outputs": outputs}
    breaking = breaks(changed, contrast)
    return {"breaks": breaking or None, "changes": [asdict(each) for each in changed], "answers": answers}
