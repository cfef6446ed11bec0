"""Figures of stores behind URLs: whether a model's store answers, and what was fetched from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from seaway.serving.measure import Observation
from seaway.stores.cache import Fetched

_UP = "seaway_model_store_up"
_FETCHES = "seaway_model_store_fetches_total"
_BYTES = "seaway_model_store_fetched_bytes_total"
_SECONDS = "seaway_model_store_fetch_seconds_total"


class StoreMetrics:
    """Tells the plane's metrics of looks and fetches. For any thread."""

    def __init__(self, observe: Callable[[Sequence[Observation]], None]) -> None:
        """Tell nothing yet."""
        self._observe = observe

    def looked(self, model: str, is_up: bool) -> None:
        """Tell whether the store of a model has answered."""
        self._observe([Observation(_UP, {"model": model}, float(is_up), "set")])

    def forgotten(self, model: str) -> None:
        """Take back what says how things are; what was counted stays."""
        self._observe([Observation(_UP, {"model": model}, 0, "remove")])

    def fetched(self, model: str, fetched: Fetched) -> None:
        """Count a copy that was fetched for a model."""
        labels = {"model": model}
        self._observe(
            [
                Observation(_FETCHES, labels | {"outcome": "ok"}, 1, "add"),
                Observation(_BYTES, labels, fetched.size_bytes, "add"),
                Observation(_SECONDS, labels, fetched.seconds, "add"),
            ]
        )

    def failed(self, model: str) -> None:
        """Count a copy that could not be had."""
        self._observe([Observation(_FETCHES, {"model": model, "outcome": "failed"}, 1, "add")])
