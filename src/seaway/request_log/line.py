"""One logged request as a line for a person: long values are cut short. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from seaway.protos.tensors import Tensor
from seaway.request_log.entry import Entry, Features
from seaway.request_log.jsonl import shown, written_time

_MOST_LETTERS = 60
_NO_TIME = "-"


def readable(entry: Entry) -> str:
    """Return the line: time, who answered what, what was asked and what was answered."""
    version = "" if entry.version is None else f"/{entry.version}"
    head = f"{written_time(entry.time_s) or _NO_TIME} {entry.model}{version} {entry.method} {entry.signature}"
    return f"{head}: {_asked(entry)} → {_answered(entry) or 'no answer'}"


def _asked(entry: Entry) -> str:
    if entry.inputs or not entry.examples:
        return _tensors(entry, "inputs")
    more = f" and {len(entry.examples) - 1} more" if len(entry.examples) > 1 else ""
    return f"{_features(entry.examples[0])}{more}"


def _answered(entry: Entry) -> str:
    if entry.outputs:
        return _tensors(entry, "outputs")
    found = []
    for result in entry.results:
        name = f"{result['signature']} " if len(entry.results) > 1 else ""
        if result["values"] is not None:
            found.append(_short(f"{name}{result['values']}"))
        if result["classes"] is not None:
            rows = [", ".join(f"{each['label']} {each['score']:.4g}" for each in row) for row in result["classes"]]
            found.append(_short(f"{name}{'; '.join(rows)}"))
    return " ".join(found)


def _tensors(entry: Entry, side: str) -> str:
    tensors: Mapping[str, Tensor] = getattr(entry, side)
    texts = shown(entry).get(side, {})
    assert isinstance(texts, dict), "a side is shown by names"
    return " ".join(
        f"{name}={tensor.dtype}{list(tensor.shape)} {_short(str(texts[name]['values']))}"
        for name, tensor in tensors.items()
    )


def _features(features: Features) -> str:
    return _short(" ".join(f"{name}={next(iter(feature.values()), [])}" for name, feature in features.items()))


def _short(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else text[: _MOST_LETTERS - 1] + "…"
