"""What the monitor's page does to a deployment: the same commands that a person types, with the same plans.

They run as processes of their own, so that one which takes long goes on when the monitor ends.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from seaway.errors import FailedPrecondition, InvalidArgument

_PLAN_LIMIT_S = 60.0
_NOBODY = "nobody can be asked"


class CommandActions:
    """Changes of the deployment that a file describes."""

    def __init__(self, file: Path, environment: str = "", target: str = "") -> None:
        """Nothing is run before it is asked for."""
        self._file = file.absolute()
        named = (("--environment", environment), ("--target", target))
        self._options = [part for option, value in named if value for part in (option, value)]

    def plan_rollout(self, model: str, version: int) -> str:
        """Say what a rollout of this version would do. Raises: FailedPrecondition - it would be refused, and why."""
        return self._planned("rollout", _name(model), str(version))

    def do_rollout(self, model: str, version: int) -> str:
        """Roll this version out. Raises: FailedPrecondition - it was refused or failed."""
        return self._done("rollout", _name(model), str(version))

    def plan_rollback(self, model: str) -> str:
        """Say what going back to the version before would do. Raises: FailedPrecondition - there is none."""
        return self._planned("rollback", _name(model))

    def do_rollback(self, model: str) -> str:
        """Go back to the version before. Raises: FailedPrecondition - it was refused or failed."""
        return self._done("rollback", _name(model))

    def plan_scale(self, replicas: int) -> str:
        """Say what another number of replicas would do. Raises: FailedPrecondition - it would be refused, and why."""
        return self._planned("scale", str(replicas))

    def do_scale(self, replicas: int) -> str:
        """Change the number of replicas. Raises: FailedPrecondition - it was refused or failed."""
        return self._done("scale", str(replicas))

    def _planned(self, *words: str) -> str:
        # Asked where nobody can answer, a command prints its plan and stops.
        ran = self._run(words, _PLAN_LIMIT_S)
        if ran.returncode and _NOBODY not in ran.stderr:
            raise FailedPrecondition(_reason(ran))
        return ran.stdout.strip()

    def _done(self, *words: str) -> str:
        ran = self._run((*words, "--yes"), None)
        if ran.returncode:
            raise FailedPrecondition(_reason(ran))
        return ran.stdout.strip().splitlines()[-1] if ran.stdout.strip() else "done"

    def _run(self, words: tuple[str, ...], limit_s: float | None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "seaway", *words, "--file", str(self._file), *self._options]
        try:
            return subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit_s,
                cwd=self._file.parent,
                start_new_session=True,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FailedPrecondition(f"`seaway {' '.join(words)}` made no plan within {limit_s:g} s") from None


class ElsewhereActions:
    """What a monitor says that runs where the description is not, such as in a container: the command to type."""

    def plan_rollout(self, model: str, version: int) -> str:
        """Refuse, and say how. Raises: FailedPrecondition - always."""
        raise self._refused("rollout", model, str(version))

    def do_rollout(self, model: str, version: int) -> str:
        """Refuse, and say how. Raises: FailedPrecondition - always."""
        raise self._refused("rollout", model, str(version))

    def plan_rollback(self, model: str) -> str:
        """Refuse, and say how. Raises: FailedPrecondition - always."""
        raise self._refused("rollback", model)

    def do_rollback(self, model: str) -> str:
        """Refuse, and say how. Raises: FailedPrecondition - always."""
        raise self._refused("rollback", model)

    def plan_scale(self, replicas: int) -> str:
        """Refuse, and say how. Raises: FailedPrecondition - always."""
        raise self._refused("scale", str(replicas))

    def do_scale(self, replicas: int) -> str:
        """Refuse, and say how. Raises: FailedPrecondition - always."""
        raise self._refused("scale", str(replicas))

    def _refused(self, *words: str) -> FailedPrecondition:
        command = shlex.join(["seaway", *words])
        return FailedPrecondition(f"seaway.yaml is not where this monitor runs; run `{command}` beside it")


def _name(model: str) -> str:
    # A name that a server made up must not be read as an option.
    if not model or model.startswith("-"):
        raise InvalidArgument(f"{model!r} is no name of a model")
    return model


def _reason(ran: subprocess.CompletedProcess[str]) -> str:
    lines = ran.stderr.strip().splitlines()
    return lines[-1].removeprefix("seaway: ") if lines else f"it ended with code {ran.returncode}"
