"""One trial, from the loads to the figures: in a process of its own, so that whatever happens there happens there.

Both engines are loaded as the server would load them and asked on the path of requests: decoded, batched, run in a
worker, encoded. The engine before is asked everything first; the candidate must answer alike, then both are measured by
turns, so that a neighbour who takes a core for a while takes it from both.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from seaway import errors
from seaway._core import Plane, StatusError
from seaway.proof.agreement import compare
from seaway.proof.samples import Sample, made_samples, parsed, recorded_samples
from seaway.proof.warmup import read_warmup_records
from seaway.protos import message
from seaway.repository.ids import ServableId
from seaway.serving.instance import Brought, Instance, LoadOptions, Place
from seaway.serving.trial.outcome import Figures, Result, Spec, Tried
from seaway.serving.trial.verdict import judge
from seaway.serving.workers import Workers

Say = Callable[[str], None]
_ROUNDS = 3
_MANY_IN_FLIGHT = 16
_MAY_PASS = (errors.Unavailable, errors.DeadlineExceeded, errors.ResourceExhausted)
"""What says more about the moment than about the engine: a worker that was killed, a time that ran out."""
_PLANE_SETTINGS = {
    "grpc_address": None,
    "grpc_socket": "",
    "rest_address": None,
    "rest_socket": "",
    "max_message_bytes": 2147483647,
    "max_decompressed_bytes": 0,
    "rest_timeout_ms": 0,
    "header_read_timeout_ms": 10000,
    "cors": False,
    "metrics_path": None,
    "tensor_content_outputs": True,
    "check_method_names": False,
    "tls": None,
    "reflection": False,
}


def plane_for_trials(threads: int) -> Plane:
    """Return a plane that listens nowhere."""
    return Plane(json.dumps(_PLANE_SETTINGS | {"threads": threads}))


class Refused(Exception):
    """The candidate is out, for the reason that the text says."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """What the engine before answered: a response, or an error's text."""

    sample: Sample
    response: Any | None
    error: str = ""


@dataclass(slots=True)
class _Agreement:
    compared: int = 0
    recorded: int = 0
    largest: float = 0.0
    notes: tuple[str, ...] = ()


class Trial:
    """Compares and measures the two engines of one specification."""

    def __init__(self, spec: Spec, plane: Plane, workers: Workers, say: Say) -> None:
        """Load nothing yet; `say` is told what goes on."""
        self._spec = spec
        self._plane = plane
        self._workers = workers
        self._say = say

    def run(self) -> Tried:
        """Return what was found; a candidate that fails is an answer, not an error.

        Raises:  SeawayError - the engine before could not be loaded or measured, so nothing can be said.
        """
        spec, engine = self._spec, self._spec.candidate.engine
        self._say(f"loading on {spec.base.engine}")
        with self._loaded(spec.base) as base:
            agreement = _Agreement()
            try:
                self._say(f"loading on {engine}")
                with self._loaded(spec.candidate) as candidate:
                    _check_signatures(base, candidate)
                    answered = self._ask_base(base)
                    self._compare(answered, candidate, agreement)
                    return self._measure(answered, base, candidate, agreement)
            except Refused as err:
                return self._tried("refused", str(err), agreement)
            except errors.SeawayError as err:
                result: Result = "failed" if isinstance(err, _MAY_PASS) else "refused"
                return self._tried(result, first_line(err.message), agreement)

    @contextlib.contextmanager
    def _loaded(self, options: LoadOptions) -> Iterator[Brought]:
        spec = self._spec
        # A worker that dies ends the calls that wait for it, which is how it is noticed here.
        options = replace(options, warmup_iterations=0)
        place = Place(self._plane, self._workers, ServableId(spec.model, spec.version), Path(spec.path))
        instance = Instance(place, options, lambda *_: None)
        brought = instance.bring_up(spec.rules)
        try:
            yield brought
        finally:
            instance.give_back(drain_s=0.0)

    def _ask_base(self, base: Brought) -> list[_Answered]:
        self._say(f"asking {self._spec.base.engine}")
        signatures = parsed(base.signature_def_map)
        samples = recorded_samples(read_warmup_records(Path(self._spec.path)), signatures)
        answered = [self._ask(base, sample) for sample in (*samples, *made_samples(signatures))]
        for name, definition in sorted(signatures.signature_def.items()):
            if definition.inputs:
                _check_telling([each for each in answered if each.sample.signature == name], name)
        return answered

    def _ask(self, brought: Brought, sample: Sample) -> _Answered:
        try:
            answer = self._plane.predict(brought.channel, sample.request)
        except StatusError as err:
            return _Answered(sample, None, first_line(err.message))
        return _Answered(sample, message("tensorflow.serving.PredictResponse").FromString(answer))

    def _compare(self, answered: Sequence[_Answered], candidate: Brought, agreement: _Agreement) -> None:
        """Compare the answers one by one, noting in `agreement` how far it went.

        Raises:  Refused - one differs.
        """
        self._say(f"comparing {len(answered)} answers")
        for each in answered:
            found = self._ask(candidate, each.sample)
            difference, largest = _difference(each, found)
            if not difference:
                agreement.compared += each.response is not None
                agreement.recorded += each.sample.kind == "recorded" and each.response is not None
                agreement.largest = max(agreement.largest, largest)
            elif self._is_tolerated(each):
                agreement.notes += (f"{each.sample.about}: {difference}",)
            else:
                raise Refused(f"signature {each.sample.signature!r}, {each.sample.about}: {difference}")

    def _is_tolerated(self, base: _Answered) -> bool:
        """Tell whether another answer to a sample is noted instead of refused.

        What a kernel makes of NaN differs between versions of one engine. And where the engine before has no answer to
        no rows, nobody can have relied on one.
        """
        kind = base.sample.kind
        return (kind == "not finite" and not self._spec.compare_non_finite) or (
            kind == "empty" and base.response is None
        )

    def _measure(
        self, answered: Sequence[_Answered], base: Brought, candidate: Brought, agreement: _Agreement
    ) -> Tried:
        requests = _typical(answered)
        found: dict[int, list[Figures]] = {base.channel: [], candidate.channel: []}
        for turn in range(_ROUNDS):
            self._say(f"measuring, round {turn + 1} of {_ROUNDS}")
            for channel, figures in found.items():
                figures.append(self._figures(channel, requests))
        before, after = (_middle(figures) for figures in found.values())
        takes_over, why = judge(self._spec.candidate.engine, before, after, self._spec.least_gain)
        tried = self._tried("faster" if takes_over else "slower", why, agreement)
        return _with_figures(tried, before, after)

    def _figures(self, channel: int, requests: list[bytes]) -> Figures:
        seconds = self._spec.measure_s
        try:
            alone = json.loads(self._plane.pace(channel, requests, 1, seconds))
            many = json.loads(self._plane.pace(channel, requests, _MANY_IN_FLIGHT, seconds))
        except StatusError as err:
            raise errors.from_code(err.code, err.message) from err
        return Figures(alone["p50_us"], many["requests"] / many["seconds"])

    def _tried(self, result: Result, why: str, agreement: _Agreement) -> Tried:
        return Tried(
            self._spec.candidate.engine,
            result,
            why,
            agreement.compared,
            agreement.recorded,
            agreement.largest,
            agreement.notes,
        )


def _check_telling(answered: Sequence[_Answered], signature: str) -> None:
    """Make sure that agreement would mean something.

    Raises:  Refused - no input was answered, or all ordinary ones were answered alike.
    """
    told = [
        each.response
        for each in answered
        if each.response is not None and each.sample.kind in {"recorded", "ordinary"} and each.sample.rows == 1
    ]
    if not told:
        error = next((each.error for each in answered if each.error), "its inputs cannot be made up")
        raise Refused(
            f"signature {signature!r} answers none of the inputs that were made ({error}); "
            "record warm-up requests for it"
        )
    if len(told) > 1 and all(not compare(told[0], other).difference for other in told[1:]):
        raise Refused(
            f"signature {signature!r} answers every input alike, so that agreement would prove nothing; "
            "record warm-up requests whose answers differ"
        )


def _check_signatures(base: Brought, candidate: Brought) -> None:
    """Make sure that clients would see the same signatures.

    Raises:  Refused - says which differs.
    """
    before, after = (parsed(each.signature_def_map).signature_def for each in (base, candidate))
    missing = sorted(set(before) ^ set(after))
    if missing:
        raise Refused(f"signature {missing[0]!r} is not there on both engines")
    for name in sorted(before):
        for side in ("inputs", "outputs"):
            one, other = (_described(getattr(each[name], side)) for each in (before, after))
            if one != other:
                raise Refused(f"signature {name!r} has other {side}: {other} instead of {one}")


def _described(infos: Any) -> dict[str, tuple[int, tuple[int, ...]]]:
    return {alias: (info.dtype, tuple(dim.size for dim in info.tensor_shape.dim)) for alias, info in infos.items()}


def _difference(base: _Answered, found: _Answered) -> tuple[str, float]:
    """Return what is wrong with the candidate's answer, empty for nothing, and the largest difference."""
    if base.response is None:
        return ("" if found.response is None else f"an answer instead of an error ({base.error})"), 0.0
    if found.response is None:
        return f"an error instead of an answer: {found.error}", 0.0
    comparison = compare(base.response, found.response)
    return comparison.difference, comparison.largest


def _typical(answered: Sequence[_Answered]) -> list[bytes]:
    """Return the requests to measure with: recorded ones, else ordinary single rows; of one signature."""
    usable = [each.sample for each in answered if each.response is not None]
    names = {each.signature for each in usable}
    signature = "serving_default" if "serving_default" in names else min(names)
    for kind in ("recorded", "ordinary"):
        requests = [each.request for each in usable if each.kind == kind and each.signature == signature]
        if requests:
            return requests
    raise Refused(f"signature {signature!r} answers no ordinary input, so nothing can be measured")


def _middle(figures: Sequence[Figures]) -> Figures:
    return Figures(median(each.p50_us for each in figures), median(each.requests_per_s for each in figures))


def _with_figures(tried: Tried, base: Figures, figures: Figures) -> Tried:
    return Tried(
        tried.engine,
        tried.result,
        tried.why,
        tried.compared,
        tried.recorded,
        tried.largest_difference,
        tried.notes,
        base,
        figures,
    )


def first_line(text: str) -> str:
    """Return the first line of an error; engines add traces of their graphs on further lines."""
    return text.strip().split("\n", 1)[0][:300]
