"""The verbs that only look: status, history, logs; and `exec`, which runs a command beside a server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Annotated

import typer
from msgspec import structs
from rich.console import Console
from rich.table import Table

from seaway.cli.deploy.console import print_json
from seaway.cli.deploy.options import FILE_NAME, Environment, File, TargetName, opened
from seaway.cli.models import size
from seaway.clock import utc
from seaway.deploy import history as records
from seaway.deploy.deployment import Deployment
from seaway.deploy.desire import look
from seaway.deploy.status import ModelStatus, ReplicaStatus, Status
from seaway.deploy.status import status as status_of
from seaway.errors import NotFound

_PIPE_COLUMNS = 200
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def status(
    file: File = Path(FILE_NAME), environment: Environment = "", target: TargetName = "", as_json: _Json = False
) -> None:
    """Show what runs: replicas, models with their live versions and traffic, rollouts, the last change."""
    deployment = opened(file, environment, target)
    situation = deployment.situation()
    in_store = look(deployment.description, deployment.base)
    names = (deployment.description.project, deployment.description.target)
    found = status_of(names, situation.observed, situation.published, deployment.site.target.reports(), in_store)
    found = structs.replace(found, last=situation.entries[-1] if situation.entries else None)
    if as_json:
        print_json(found)
        return
    console = Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS, highlight=False)
    for part in shown(found):
        console.print(part)


def shown(found: Status) -> Iterator[str | Table]:
    """Yield a status as lines and tables."""
    if not found.is_deployed:
        yield f"{found.project} is not deployed on {found.target}; `seaway deploy` does that"
        return
    # On Kubernetes the cluster's own Service spreads the requests.
    ingress = "" if found.target == "kubernetes" else f"ingress {found.ingress or 'not there'}, "
    yield f"{found.project} on {found.target}: {ingress}generation {found.generation}"
    if found.monitor:
        yield f"monitor: {found.monitor}"
    yield _replica_table(found.replicas)
    yield _model_table(found.models)
    yield from found.objects
    for model in found.models:
        if model.newer:
            newest = model.newer[-1]
            yield f"{model.name} {newest} is in the store: `seaway rollout {model.name} {newest}` brings it in"
    if found.last is not None:
        yield f"last change: {entry_line(found.last)}"


def history(
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    steps: Annotated[bool, typer.Option("--steps", help="Also print the plan of each change.")] = False,
    number: Annotated[int, typer.Option("--last", "-n", metavar="N", help="Only the newest N.", min=1)] = 20,
    as_json: _Json = False,
) -> None:
    """Show who changed what, when, why, and how it ended; the newest last."""
    deployment = opened(file, environment, target)
    entries = records.read(deployment.site.state)[-number:]
    if as_json:
        print_json([structs.replace(entry, desired=None) for entry in entries])
        return
    for entry in entries:
        typer.echo(entry_line(entry))
        for done, step in enumerate(entry.steps if steps else ()):
            typer.echo(f"    {'done' if done < entry.done else 'not done'}  {step}")


def logs(
    replica: Annotated[str, typer.Argument(metavar="REPLICA", help="One replica; all of them unless given.")] = "",
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    tail: Annotated[int, typer.Option("--tail", "-n", metavar="N", help="Lines from the end.", min=0)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document for each line.")] = False,
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
) -> None:
    """Print the logs of replicas."""
    deployment = opened(file, environment, target)
    names = _replicas(deployment, replica)
    with suppress(KeyboardInterrupt):
        for name, line in _merged(deployment, names, follow, tail):
            if as_json:
                typer.echo(json.dumps({"replica": name, "line": line}, ensure_ascii=False))
            else:
                typer.echo(line if len(names) == 1 else f"{name} | {line}")


def execute(
    replica: Annotated[str, typer.Argument(metavar="REPLICA", help="The replica, as `seaway status` shows it.")],
    command: Annotated[list[str], typer.Argument(metavar="COMMAND…", help="The command and its arguments.")],
    file: File = Path(FILE_NAME),
    environment: Environment = "",
    target: TargetName = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print output and exit code as JSON once it ends.")] = False,
) -> None:
    """Run a command beside the server of a replica: in its container, or with its environment."""
    deployment = opened(file, environment, target)
    _replicas(deployment, replica)
    if not as_json:
        raise typer.Exit(deployment.site.target.execute(replica, command))
    # Targets hand a command the streams of this process, so what it writes is caught around another one.
    where = ["--file", str(file), "--environment", environment, "--target", target]
    words = [sys.executable, "-m", "seaway", "exec", *where, replica, "--", *command]
    ran = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    print_json({"replica": replica, "code": ran.returncode, "stdout": ran.stdout, "stderr": ran.stderr})
    raise typer.Exit(ran.returncode)


def entry_line(entry: records.Entry) -> str:
    """Return a change as one line."""
    steps = f", {entry.done} of {len(entry.steps)} steps" if entry.steps else ""
    error = f": {entry.error}" if entry.error else ""
    return (
        f"#{entry.id} {utc(entry.at)} {entry.who} `{entry.command}` ({entry.cause}): {entry.outcome} in "
        f"{entry.seconds:.1f} s{steps}{error}"
    )


def _replicas(deployment: Deployment, replica: str) -> tuple[str, ...]:
    names = tuple(each.name for each in deployment.site.target.observe().replicas)
    if replica and replica not in names:
        raise NotFound(f"there is no replica {replica!r}; there are {', '.join(names) or 'none'}")
    return (replica,) if replica else names


def _merged(deployment: Deployment, names: Sequence[str], follow: bool, tail: int) -> Iterator[tuple[str, str]]:
    """Yield the lines of several replicas as they come."""
    lines: SimpleQueue[tuple[str, str | None]] = SimpleQueue()

    def read(name: str) -> None:
        try:
            for line in deployment.site.target.logs(name, follow, tail):
                lines.put((name, line))
        finally:
            lines.put((name, None))

    for name in names:
        Thread(target=read, args=(name,), daemon=True).start()
    open_logs = len(names)
    while open_logs:
        name, line = lines.get()
        if line is None:
            open_logs -= 1
        else:
            yield name, line


def _replica_table(replicas: Sequence[ReplicaStatus]) -> Table:
    table = _table("replica", "state", "generation", "in flight", "memory", "restarts", "address", "why")
    for each in replicas:
        generation = f"{each.generation}" if each.is_current else f"{each.generation} (not yet the newest)"
        counts = (str(each.in_flight), size(each.memory_bytes), str(each.restarts))
        table.add_row(each.name, each.state, generation, *counts, each.address, each.reason)
    return table


def _model_table(models: Sequence[ModelStatus]) -> Table:
    table = _table("model", "live", "loaded", "serving", "traffic", "problems")
    for each in models:
        loaded = ", ".join(map(str, each.loaded))
        table.add_row(
            each.name, str(each.live), loaded, f"{each.serving}", traffic_text(each), "; ".join(each.problems)
        )
    return table


def traffic_text(model: ModelStatus) -> str:
    """Return how a model's requests are spread, in a few words."""
    traffic = model.traffic
    if traffic is None or traffic.candidate is None:
        return f"all on {model.live}"
    parts = [f"{traffic.canary:.0%} on {traffic.candidate}"]
    if traffic.shadow:
        parts.append(f"{traffic.shadow:.0%} copied to it")
    return f"{', '.join(parts)}, the rest on {traffic.live}"


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
