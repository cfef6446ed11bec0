"""What a store answers about a model and a time, in PromQL.

It owns the questions and the moments that they are asked for: steps are whole rows of the store, so that rolled-up rows
answer for weeks. Which figures a report has, and what they mean, it does not know.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from seaway.monitor.generated.objective import CLIENTS, SERVER_CODES
from seaway.monitor.query.answer import ByLabels, by_labels, finite
from seaway.monitor.query.evaluate import query_range
from seaway.monitor.query.quote import quoted
from seaway.monitor.store.store import Store

SERVER_FAULT = f'code=~"{"|".join(SERVER_CODES)}"'
"""The matcher of requests that the server failed."""

_POINTS = 96
"""Of a line: a printed chart shows no more."""
_LEAST_STEP_MS = 60_000
_LARGEST_STEP_MS = 900_000
"""The coarsest rows that a store has; asking for coarser ones gains nothing."""

Points = tuple[float | None, ...]


class Reader(NamedTuple):
    """A model and a time, to ask of."""

    store: Store
    model: str
    start_ms: int
    end_ms: int

    @property
    def step_ms(self) -> int:
        """The time between points, a multiple of the rows that it is read from."""
        wanted = (self.end_ms - self.start_ms) / _POINTS
        row = _LARGEST_STEP_MS if wanted >= _LARGEST_STEP_MS else _LEAST_STEP_MS
        return max(row, math.ceil(wanted / row) * row)

    def before(self) -> Reader:
        """Return the time of the same length before."""
        return self._replace(start_ms=2 * self.start_ms - self.end_ms, end_ms=self.start_ms)

    def moments(self) -> range:
        """Return the ends of all steps; the last is the end, and the first step may begin before the start."""
        number = math.ceil((self.end_ms - self.start_ms) / self.step_ms)
        return range(self.end_ms - (number - 1) * self.step_ms, self.end_ms + 1, self.step_ms)

    def selector(self, name: str, *matchers: str) -> str:
        """Return the series of clients' requests for the model."""
        return f"{name}{{{','.join((f'model={quoted(self.model)}', CLIENTS, *matchers))}}}"

    def counted(self, by: Sequence[str], *matchers: str) -> ByLabels:
        """Return the number of requests in the time, by labels."""
        selector = self.selector("seaway_requests_total", *matchers)
        return self.whole(f"sum by ({', '.join(by)}) (increase({selector}[{self.length}]))", by)

    def quantile(self, share: float, by: Sequence[str]) -> ByLabels:
        """Return a quantile of all requests in the time, by labels."""
        buckets = f"increase({self.selector('seaway_request_seconds_bucket')}[{self.length}])"
        return self.whole(f"histogram_quantile({share:g}, sum by ({', '.join(('le', *by))}) ({buckets}))", by)

    def whole(self, text: str, by: Sequence[str]) -> ByLabels:
        """Return the answer at the end, by labels."""
        # As a range of one moment: with a step, rolled-up rows may answer, which for weeks is far faster.
        step = min(_LARGEST_STEP_MS, max(1, (self.end_ms - self.start_ms) // _POINTS))
        _, answer = query_range(self.store, text, self.end_ms, self.end_ms, step)
        return by_labels(answer, by)

    def line(self, text: str) -> Points:
        """Return the answer at all moments, which has no labels."""
        moments = self.moments()
        _, answer = query_range(self.store, text, moments[0], moments[-1], self.step_ms)
        if isinstance(answer, float):
            return (answer,) * len(moments)
        values = answer.get(())
        if values is None:
            return (None,) * len(moments)
        return tuple(finite(float(value)) for value in values)

    def increase_each(self, *, errors: bool = True) -> str:
        """Return the question for what was added in each step: errors, or all requests."""
        selector = self.selector("seaway_requests_total", *([SERVER_FAULT] if errors else []))
        return f"sum(increase({selector}[{self.step_ms}ms]))"

    def quantile_each(self, share: float) -> str:
        """Return the question for a quantile of each step."""
        buckets = f"increase({self.selector('seaway_request_seconds_bucket')}[{self.step_ms}ms])"
        return f"histogram_quantile({share:g}, sum by (le) ({buckets}))"

    @property
    def length(self) -> str:
        """The whole time, as a question writes it."""
        return f"{self.end_ms - self.start_ms}ms"
