"""What the page may ask a fleet to do. The page knows no fleet: whoever builds it passes what can."""

from __future__ import annotations

from typing import Protocol


class Actions(Protocol):
    """Changes of a fleet. A plan says in words what would happen and changes nothing; doing it returns what happened.

    All of them may take minutes and are called off the event loop. What fails raises `seaway.errors.Error`.
    """

    def plan_rollout(self, model: str, version: int) -> str:
        """Say what a rollout of this version would do."""
        ...

    def do_rollout(self, model: str, version: int) -> str:
        """Roll this version out."""
        ...

    def plan_rollback(self, model: str) -> str:
        """Say what going back to the version before would do."""
        ...

    def do_rollback(self, model: str) -> str:
        """Go back to the version before."""
        ...

    def plan_scale(self, replicas: int) -> str:
        """Say what another number of replicas would do."""
        ...

    def do_scale(self, replicas: int) -> str:
        """Change the number of replicas."""
        ...
