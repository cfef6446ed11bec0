"""The verbs of a deployment by name, in the order of the help text."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seaway.cli.deploy.change import deploy, destroy, plan, scale
from seaway.cli.deploy.init import init
from seaway.cli.deploy.look import execute, history, logs, status
from seaway.cli.deploy.roll import autoscale, rollback, rollout


def deployment_verbs() -> Mapping[str, Callable[..., None]]:
    """Return the functions of the verbs."""
    return {
        "init": init,
        "plan": plan,
        "deploy": deploy,
        "status": status,
        "scale": scale,
        "rollout": rollout,
        "rollback": rollback,
        "autoscale": autoscale,
        "logs": logs,
        "exec": execute,
        "history": history,
        "destroy": destroy,
    }
