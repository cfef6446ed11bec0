"""The moments of a question and the form of its answer; what it means is not known here.

A vector holds one array per set of labels, with a value for every moment of the question and not-a-number where there
is none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Labels = tuple[tuple[str, str], ...]
Values = NDArray[np.float64]
Vector = dict[Labels, Values]
Result = Vector | float


class Moments(NamedTuple):
    """The moments of a question: milliseconds since the Unix epoch, rising by `step_ms`."""

    times: NDArray[np.int64]
    step_ms: int
