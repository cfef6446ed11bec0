"""The verbs that change servers: deploy, scale, destroy; and `plan`, which only shows what deploy would do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from msgspec import structs

from seaway import extras
from seaway.cli.deploy.console import NOTHING, Terminal, plan_document, print_json
from seaway.cli.deploy.options import FILE_NAME, Environment, File, Json, TargetName, Yes, opened
from seaway.deploy.deployment import Deployment, Intent, Situation
from seaway.deploy.desired import Desired
from seaway.errors import InvalidArgument

PLAN_DIFFERS = 3


def plan(
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="text|json|yaml", help="yaml prints Kubernetes' manifests.")
    ] = "text",
    as_json: Annotated[bool, typer.Option("--json", help="The same as `--output json`.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=f"Exit with {PLAN_DIFFERS} when there is something to do.")
    ] = False,
) -> None:
    """Show what `seaway deploy` would do, each step with its cause; changes nothing."""
    form = "json" if as_json else output
    if form not in {"text", "json", "yaml"}:
        raise InvalidArgument(f"--output cannot be {form!r}; use text, json or yaml")
    deployment = opened(file, environment, target)
    if form == "yaml":
        _print_manifests(deployment)
        return
    situation = deployment.situation()
    made = deployment.plan(deployment.described(situation), situation)
    tell_of_no_monitor(deployment, Terminal(deployment.clock, as_json=True))
    if form == "json":
        print_json({"plan": plan_document(made)})
    else:
        typer.echo(str(made) if made else NOTHING)
    if exit_code and made:
        raise typer.Exit(PLAN_DIFFERS)


def deploy(
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Bring what runs in line with seaway.yaml: show the plan, ask, carry it out.

    It finishes what an interrupted deploy began. A step that fails is taken back and ends it; what served before
    goes on.
    """
    deployment = opened(file, environment, target)
    intent = Intent("deploy", f"{file.name} asks for it", deployment.described)
    run_change(deployment, intent, as_json, yes)


def scale(
    replicas: Annotated[int, typer.Argument(metavar="REPLICAS", help="How many replicas are to run.", min=0, max=1000)],
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Run another number of replicas of what is deployed, until the next `seaway deploy`."""
    deployment = opened(file, environment, target)
    bounds = deployment.description.autoscale
    if bounds.max and not bounds.min <= replicas <= bounds.max:
        raise InvalidArgument(
            f"{replicas} replicas are outside of autoscaling's bounds, {bounds.min} to {bounds.max}; change `autoscale`"
        )

    def scaled(situation: Situation) -> Desired:
        return structs.replace(deployment.deployed(situation), replicas=replicas)

    run_change(deployment, Intent(f"scale {replicas}", "asked by hand", scaled), as_json, yes)


def destroy(
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    keep_history: Annotated[
        bool, typer.Option("--keep-history", help="Leave history, live versions, and what the monitor has kept.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take the deployment down and leave nothing of it. The model store's versions stay."""
    deployment = opened(file, environment, target)
    outcome = run_change(deployment, Intent("destroy", "asked by hand", None, keep_history), as_json, yes)
    if outcome and not keep_history:
        deployment.site.state.clear()


def run_change(deployment: Deployment, intent: Intent, as_json: bool, yes: bool) -> bool:
    """Have a change made, shown on this terminal; return whether it was agreed to."""
    terminal = Terminal(deployment.clock, as_json, yes)
    tell_of_no_monitor(deployment, terminal)
    outcome = deployment.change(intent, terminal.audience())
    terminal.print_outcome(outcome)
    return outcome.is_agreed


def tell_of_no_monitor(deployment: Deployment, terminal: Terminal) -> None:
    """Say what to install where a monitor is wanted and cannot run; no plan has it, since none could bring it about."""
    description = deployment.description
    if deployment.monitor_lacks and description.target == "process" and description.monitoring.enabled:
        terminal.tell(
            f"no monitor: {deployment.monitor_lacks} is not installed; `{extras.command('monitor')}` brings it, "
            "`monitor: false` wants none"
        )


def _print_manifests(deployment: Deployment) -> None:
    if deployment.description.target != "kubernetes":
        raise InvalidArgument(
            f"--output yaml prints Kubernetes' manifests, and the target is {deployment.description.target}; "
            "add --target kubernetes"
        )
    from seaway.deploy.targets.kubernetes import render  # noqa: PLC0415 - only who uses it needs its packages

    typer.echo(render(deployment.described(deployment.situation())), nl=False)
