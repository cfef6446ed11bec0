"""From the options of `seaway image build` to an order, with Seaway's own wheel at hand for as long as it is needed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seaway.deploy.image.context import Order, machine_of
from seaway.deploy.image.variants import variant_of
from seaway.deploy.image.wheel import own_wheel
from seaway.deploy.target import Tell


@contextmanager
def ordered(variant: str, wheel: Path | None, platform: str, model: Path | None, tell: Tell) -> Iterator[Order]:
    """Yield the order.

    Raises:  InvalidArgument - variant or platform do not exist; what `own_wheel` raises.
    """
    found = variant_of(variant)
    machine_of(platform)
    with tempfile.TemporaryDirectory(prefix="seaway-wheel-") as scratch:
        yield Order(found, wheel or own_wheel(Path(scratch), tell), platform, model=model)
