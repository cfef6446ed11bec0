"""A plan: operations in order, each with its cause. The same text is shown, asked about, recorded and tested."""

from __future__ import annotations

from seaway.deploy.operations import AnyOperation
from seaway.fleet.data import Data

_MAY_FAIL = " (if this fails, the rest stays as deployed)"


class Step(Data, frozen=True):
    """One operation, why it is needed, and what takes it back when it fails; None when nothing needs to be.

    One that is `dispensable` may fail: the plan goes on, what was done stays, and the failure is told at the end.
    """

    operation: AnyOperation
    cause: str
    undo: AnyOperation | None = None
    dispensable: bool = False

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.operation}: {self.cause}{_MAY_FAIL if self.dispensable else ''}"


class Plan(Data, frozen=True):
    """What is to be done, in this order. Empty when everything is as it should be."""

    steps: tuple[Step, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything is to be done."""
        return bool(self.steps)

    def lines(self) -> tuple[str, ...]:
        """Return one numbered line for each step."""
        return tuple(f"[{number}] {step}" for number, step in enumerate(self.steps, start=1))

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return "\n".join(self.lines()) if self.steps else "nothing to do"
