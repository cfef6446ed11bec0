"""Shows plans, asks about them, and shows how they are carried out. Decides nothing.

A person reads lines; with `--json` there is one document at the end, and the lines go to the error stream.
"""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

import msgspec
import typer

from seaway.clock import Clock
from seaway.deploy.deployment import Audience, Outcome
from seaway.deploy.executor import Watch
from seaway.deploy.plan import Plan, Step
from seaway.errors import InvalidArgument

NOTHING = "nothing to do: everything is as it should be"


class Terminal:
    """The lines of one command, and the questions it asks."""

    def __init__(self, clock: Clock, as_json: bool = False, yes: bool = False) -> None:
        """Show on the standard streams of this process."""
        self._clock = clock
        self._as_json = as_json
        self._yes = yes
        self._begun = 0.0
        self._steps = 0

    @property
    def lines(self) -> TextIO:
        """Where lines for a person go."""
        return sys.stderr if self._as_json else sys.stdout

    def tell(self, line: str) -> None:
        """Show a line."""
        print(line, file=self.lines, flush=True)

    def audience(self) -> Audience:
        """Return what `Deployment.change` is given."""
        return Audience(self.agree, Watch(self._begin, self._done, self._tell_inside))

    def agree(self, plan: Plan) -> bool:
        """Show a plan and ask about it; an empty one needs no question.

        Raises:  InvalidArgument - nobody can be asked.
        """
        self.follow(plan)
        if not plan:
            self.tell(NOTHING)
            return True
        for line in plan.lines():
            self.tell(line)
        return self.confirm()

    def follow(self, plan: Plan) -> None:
        """Take note of a plan whose steps are to be shown as they are carried out."""
        self._steps = len(plan.steps)

    def confirm(self) -> bool:
        """Ask whether to go on, unless that was answered by `--yes`.

        Raises:  InvalidArgument - nobody can be asked.
        """
        if self._yes:
            return True
        if not sys.stdin.isatty():
            raise InvalidArgument("this is no terminal, so nobody can be asked; read the plan and add --yes")
        return typer.confirm("Carry this out?", default=False, err=self._as_json)

    def print_outcome(self, outcome: Outcome) -> None:
        """Print how a change ended."""
        for failure in outcome.failures:
            self.tell(f"not done: {failure}. The rest is as deployed; the next `seaway deploy` tries again")
        if self._as_json:
            result = "done" if outcome.is_agreed else "declined"
            print_json({"outcome": result, "plan": plan_document(outcome.plan), "failures": list(outcome.failures)})
        elif not outcome.is_agreed:
            self.tell("nothing was changed")

    def _begin(self, number: int, step: Step) -> None:
        self._begun = self._clock.now()
        self.tell(f"[{number}/{self._steps}] {step.operation} …")

    def _done(self, number: int, step: Step) -> None:
        del step
        self.tell(f"[{number}/{self._steps}] done in {self._clock.now() - self._begun:.1f} s")

    def _tell_inside(self, line: str) -> None:
        self.tell(f"      {line}")


def plan_document(plan: Plan) -> list[dict[str, Any]]:
    """Return a plan as data: for each step the operation, its text and its cause. Pure."""
    return [
        {"operation": type(step.operation).__name__, "text": str(step.operation), "cause": step.cause}
        for step in plan.steps
    ]


def print_json(value: object) -> None:
    """Print a document on the standard output stream."""
    plain = json.loads(msgspec.json.encode(value))
    print(json.dumps(plain, indent=2, ensure_ascii=False))
