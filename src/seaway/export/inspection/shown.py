"""What was found in a version, as lines for a person and as values for JSON: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from seaway.engines.element_types import shown
from seaway.engines.signatures import FREE, TensorSpec
from seaway.export.inspection.version import Inspected
from seaway.export.signature import shown_spec
from seaway.proof.passport import Feature

_OPERATIONS = 12
_FEATURES = 20
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024


def lines(found: Inspected) -> Iterator[str]:
    """Yield the text of a version, headings first."""
    graph = found.graph
    yield f"{found.place}: {found.model_file}, {shown_bytes(found.size_bytes)} in {len(found.files)} files"
    facts = [f"{name} {value}" for name, value in graph.facts.items() if value]
    yield "  " + ", ".join([*facts, f"{graph.weights:,} weights"])
    yield "signatures"
    for name, signature in sorted(graph.signatures.items()):
        method = graph.methods.get(name, "")
        yield f"  {name}{f' ({method})' if method else ''}"
        yield from (f"    in   {alias:<20} {shown_spec(spec)}" for alias, spec in sorted(signature.inputs.items()))
        yield from (f"    out  {alias:<20} {shown_spec(spec)}" for alias, spec in sorted(signature.outputs.items()))
    yield f"operations ({sum(graph.operations.values())})"
    yield f"  {_counted(graph.operations)}"
    if graph.assets:
        yield f"assets\n  {', '.join(graph.assets)}"
    yield "engines"
    yield from (f"  {each.engine:<11} {'yes' if each.takes else f'no: {each.why}'}" for each in found.engines)
    yield from _proof(found)
    yield from (f"problem: {each}" for each in found.problems)


def as_json(found: Inspected) -> dict[str, object]:
    """Return everything that is known, for a program."""
    graph, passport = found.graph, found.passport
    return {
        "path": found.place,
        "model_file": found.model_file,
        "size_bytes": found.size_bytes,
        "files": dict(found.files),
        "facts": dict(graph.facts),
        "weights": graph.weights,
        "signatures": {
            name: {
                "method": graph.methods.get(name, ""),
                "inputs": {alias: _spec(spec) for alias, spec in signature.inputs.items()},
                "outputs": {alias: _spec(spec) for alias, spec in signature.outputs.items()},
            }
            for name, signature in sorted(graph.signatures.items())
        },
        "operations": dict(graph.operations),
        "assets": list(graph.assets),
        "engines": [{"engine": each.engine, "takes": each.takes, "why": each.why} for each in found.engines],
        "recorded": {"requests": found.requests, "answers": found.answers},
        "exported": msgspec.to_builtins(passport) if passport is not None else None,
        "problems": list(found.problems),
    }


def shown_bytes(size: float) -> str:
    """Return a size for a person."""
    unit = 0
    while size >= _STEP and unit < len(_UNITS) - 1:
        size, unit = size / _STEP, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 else f"{size:.1f} {_UNITS[unit]}"


def _proof(found: Inspected) -> Iterator[str]:
    yield "proof"
    passport = found.passport
    if passport is None:
        yield f"  none: not exported by seaway ({found.requests} requests for warm-up, {found.answers} with answers)"
        return
    origin = f", {passport.examples.origin}" if passport.examples else ""
    yield f"  {found.answers} requests with their answers{origin}"
    yield f"  {passport.model}, {passport.made_at}; " + ", ".join(f"{k} {v}" for k, v in passport.made_with.items())
    if passport.statistics is None:
        return
    features = passport.statistics.features
    yield f"training data ({passport.statistics.rows} rows, {len(features)} features)"
    for name, feature in list(features.items())[:_FEATURES]:
        yield f"  {name:<24} {_feature(feature)}"
    if len(features) > _FEATURES:
        yield f"  and {len(features) - _FEATURES} more; --json has all"


def _feature(feature: Feature) -> str:
    missing = f", {feature.missing} missing" if feature.missing else ""
    if feature.mean is not None and feature.std is not None:
        median = feature.quantiles.get("0.5", feature.mean)
        bounds = f"{feature.min:g} to {feature.max:g}"
        return f"mean {feature.mean:.4g}, std {feature.std:.4g}, {bounds}, median {median:.4g}{missing}"
    return f"{_counted(feature.categories)}{missing}"


def _counted(counts: Mapping[str, int]) -> str:
    text = ", ".join(f"{name} {count}" for name, count in list(counts.items())[:_OPERATIONS]) or "none"
    return text + (f" and {len(counts) - _OPERATIONS} more" if len(counts) > _OPERATIONS else "")


def _spec(spec: TensorSpec) -> dict[str, object]:
    shape = None if spec.shape is None else [None if size == FREE else size for size in spec.shape]
    return {"dtype": shown(spec.dtype), "shape": shape}
