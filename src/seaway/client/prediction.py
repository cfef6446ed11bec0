"""A Predict call from what a program gives to what it gets: checked, split where asked, sent, joined.

Written once for both clients, over either API. Which values fit is decided in `inputs`, where to cut in `splitting`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from seaway.client.answer import Answer
from seaway.client.caller import Caller
from seaway.client.dtypes import Array
from seaway.client.exchange import Call
from seaway.client.inputs import Check, Inputs, checked_inputs, named_inputs
from seaway.client.known_signatures import Known, KnownSignatures
from seaway.client.model import ModelRef, Predict
from seaway.client.options import CallOptions, Options
from seaway.client.runtime import Runtime
from seaway.client.signature import Signature, Signatures, chosen
from seaway.client.splitting import Limits, Part, inputs_with_rows, joined, parts_of
from seaway.errors import Aborted, FailedPrecondition, InvalidArgument, NotFound


@dataclass(frozen=True, slots=True)
class Question:
    """What a program asks."""

    model: ModelRef
    value: object = None
    """An array, or a dict of them; None where all are named."""
    named: Inputs = field(default_factory=dict)
    signature: str = ""
    outputs: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)
    progress: Callable[[int], None] | None = None
    """Told the rows of each part that is answered."""
    about: CallOptions = field(default_factory=CallOptions)


class Codec(Protocol):
    """What differs between the two APIs here."""

    def predict(self, request: Predict) -> Call[Answer]:
        """Return a Predict call."""
        ...

    def metadata(self, model: ModelRef) -> Call[Signatures]:
        """Return a call for a model's signatures."""
        ...


class Predictor:
    """Makes predictions for one client."""

    def __init__(
        self, codec: Codec, caller: Caller, runtime: Runtime, known: KnownSignatures, options: Options
    ) -> None:
        """Ask nothing yet."""
        self._codec = codec
        self._caller = caller
        self._runtime = runtime
        self._known = known
        self._options = options

    async def signatures(self, model: ModelRef, about: CallOptions) -> Signatures:
        """Return a model's signatures as they are now, which later predictions are checked against too.

        Raises:  SeawayError - what the server answers, or that it does not tell.
        """
        known = await self._known.refresh(model, partial(self._fetch, model, about))
        if known.failure is not None:
            raise known.failure
        return known.signatures or {}

    async def _fetch(self, model: ModelRef, about: CallOptions) -> Signatures:
        return await self._caller.call(self._codec.metadata(model), about)

    async def answer(self, question: Question) -> Answer:
        """Return the model's answer.

        Raises:  InvalidArgument - the inputs do not fit the signature. SeawayError - what the server answers.
        """
        question = replace(question, about=self._caller.begun(question.about))
        prepared = await self.prepared(question)
        try:
            return await self._answer(question, prepared)
        except (InvalidArgument, FailedPrecondition):
            again = await self._if_changed(question, prepared)
            if again is None:
                raise
        return await self._answer(question, again)

    async def prepared(self, question: Question) -> Predict:
        """Return the request, checked against the signature where the server tells it; raises as above."""
        if self._options.check == "none" and (question.value is None or isinstance(question.value, Mapping)):
            return _request(question, Known(None, 0.0), self._options.check)
        fetch = partial(self._fetch, question.model, question.about)
        known = await self._known.get(question.model, fetch)
        try:
            return _request(question, known, self._options.check)
        except (InvalidArgument, FailedPrecondition):
            if not self._known.is_stale(question.model):
                raise
        return _request(question, await self._known.refresh(question.model, fetch), self._options.check)

    async def _if_changed(self, question: Question, sent: Predict) -> Predict | None:
        """Return the request anew where the model takes something else than it did when it was last asked."""
        if not self._known.is_stale(question.model):
            return None
        fetch = partial(self._fetch, question.model, question.about)
        request = _request(question, await self._known.refresh(question.model, fetch), self._options.check)
        return request if request.signature != sent.signature else None

    async def _answer(self, question: Question, request: Predict) -> Answer:
        parts = parts_of(request.inputs, request.signature, question.limits)
        if not parts:
            return await self._caller.call(self._codec.predict(request), question.about)
        cut = inputs_with_rows(request.inputs, request.signature)
        requests = [replace(request, inputs=part.of(request.inputs, cut)) for part in parts]
        answers = await self._all(question, requests, parts)
        answers = await self._of_one_version(question, requests, answers)
        outputs = joined(parts, [answer.outputs for answer in answers])
        return Answer(outputs, answers[-1].version, answers[-1].signature)

    async def _all(self, question: Question, requests: Sequence[Predict], parts: Sequence[Part]) -> list[Answer]:
        async def one(request: Predict, part: Part) -> Answer:
            answer = await self._caller.call(self._codec.predict(request), question.about)
            if question.progress is not None:
                question.progress(part.stop - part.start)
            return answer

        doing = [partial(one, request, part) for request, part in zip(requests, parts, strict=True)]
        return await self._runtime.gather(doing, self._options.concurrency)

    async def _of_one_version(
        self, question: Question, requests: Sequence[Predict], answers: list[Answer]
    ) -> list[Answer]:
        """Return the answers of one version: the parts of one that has been replaced are asked again."""
        versions = Counter(answer.version for answer in answers if answer.version is not None)
        if len(versions) <= 1:
            return answers
        newest = max(versions)
        model = replace(question.model, version=newest, label="")
        others = [index for index, answer in enumerate(answers) if answer.version != newest]
        pinned = [replace(requests[index], model=model) for index in others]
        again = await self._all(replace(question, progress=None), pinned, [Part(0, 0)] * len(pinned))
        for index, answer in zip(others, again, strict=True):
            answers[index] = answer
        if any(answer.version != newest for answer in answers):
            raise Aborted(f"the parts of the batch were answered by other versions than {newest}; ask again")
        return answers


def _request(question: Question, known: Known, check: Check) -> Predict:
    signature: Signature | None = None
    if known.signatures is not None:
        signature = chosen(known.signatures, question.model.name, question.signature)
        _check_outputs(question.outputs, signature)
    try:
        inputs = named_inputs(question.value, question.named, signature)
    except InvalidArgument as err:
        if isinstance(known.failure, NotFound):
            raise known.failure from known.failure.__cause__  # the model is what is wrong, not how it was asked
        raise err from known.failure
    arrays: Mapping[str, Array] = checked_inputs(inputs, signature, check)
    return Predict(question.model, question.signature, arrays, question.outputs, signature)


def _check_outputs(outputs: Sequence[str], signature: Signature) -> None:
    unknown = [name for name in outputs if name not in signature.outputs]
    if unknown:
        raise InvalidArgument(
            f"signature {signature.name!r} has no output {unknown[0]!r}; it gives {', '.join(signature.outputs)}"
        )
