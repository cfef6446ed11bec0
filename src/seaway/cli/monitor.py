"""`seaway monitor`: look at servers, keep what they say, show it, and tell when something is wrong."""

from __future__ import annotations

import logging
import random
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seaway.cli.deploy.options import FILE_NAME
from seaway.cli.looking import Asked, looking
from seaway.cli.recorded import NEEDED, monitor_imports
from seaway.clock import Clock, SystemClock
from seaway.errors import InvalidArgument
from seaway.settings.secret import Secret

if TYPE_CHECKING:
    from seaway.monitor.alerts.telling import Teller
    from seaway.monitor.monitor import Source
    from seaway.monitor.notify.channels import Channel
    from seaway.monitor.remote.remote_write import RemoteWrite

_LISTEN = "127.0.0.1:8502"
_MIB = 1024**2
_SCALE_STOP_S = 5.0

log = logging.getLogger(__name__)


def monitor(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    servers: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVER...", help="REST address of a server: host:8501, or the URL of its metrics."),
    ] = None,
    targets_file: Annotated[
        Path | None,
        typer.Option(
            "--targets-file", metavar="FILE", help="Servers in Prometheus' file_sd JSON form; read again at each look."
        ),
    ] = None,
    deployment: Annotated[
        Path | None,
        typer.Option(
            "--deployment",
            metavar="FILE",
            help="A seaway.yaml: its replicas as they come and go. Taken from here when nothing else is named.",
        ),
    ] = None,
    environment: Annotated[
        str, typer.Option("--environment", metavar="NAME", help="Overlay of the description that --deployment names.")
    ] = "",
    target: Annotated[
        str, typer.Option("--target", metavar="TARGET", help="Where that deployment runs, if not as it says.")
    ] = "",
    autoscale: Annotated[
        bool,
        typer.Option("--autoscale", help="Let its number of replicas follow the load, as `seaway autoscale` does."),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state",
            metavar="DIR",
            help="State directory of a deployment, where its description is not: replicas report there.",
        ),
    ] = None,
    dns: Annotated[
        list[str] | None,
        typer.Option("--dns", metavar="NAME:PORT", help="Every address of a name, as in tasks.digits:8501."),
    ] = None,
    docker: Annotated[
        bool,
        typer.Option(
            "--docker", help="Containers of the Docker engine (DOCKER_HOST) with the label seaway.monitor=PORT."
        ),
    ] = False,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            metavar="MODEL:error_rate=X",
            help="What a model promises, to alert on; ,p99_ms=X and ,memory=BYTES may follow.",
        ),
    ] = None,
    prometheus: Annotated[
        str,
        typer.Option(
            "--prometheus", metavar="URL", help="Ask this server instead of collecting; its jobs are seaway*."
        ),
    ] = "",
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory",
            metavar="DIR",
            help="What is seen is kept here. Default: $SEAWAY_MONITOR_DIRECTORY, or ~/.local/state/seaway/monitor.",
        ),
    ] = None,
    listen_on: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where the page and the HTTP API are.")
    ] = _LISTEN,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=0.5, max=300, help="Between two looks at the servers.")
    ] = 5.0,
    max_mib: Annotated[
        int, typer.Option("--max-mib", metavar="MIB", min=16, help="Size that the history is kept below.")
    ] = 2048,
    rules: Annotated[
        Path | None,
        typer.Option(
            "--rules", metavar="FILE", help="Alerts, as a Prometheus rule file, in place of the default ones."
        ),
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            "--notify",
            metavar="NAME=FILE",
            help="Channel that is told of alerts; FILE holds its apprise address, or webhook+https://… for plain JSON.",
        ),
    ] = None,
    password_file: Annotated[
        Path | None,
        typer.Option("--password-file", metavar="FILE", help="Password for silencing and acting on the page."),
    ] = None,
    remote_write: Annotated[
        list[str] | None,
        typer.Option(
            "--remote-write",
            metavar="URL",
            help="Send what is read to this Prometheus-compatible receiver too: http://prometheus:9090/api/v1/write.",
        ),
    ] = None,
    remote_write_auth: Annotated[
        list[Path] | None,
        typer.Option(
            "--remote-write-auth",
            metavar="FILE",
            help="Holds `Bearer TOKEN` or `Basic USER:PASSWORD`; one for each --remote-write, in their order.",
        ),
    ] = None,
    until_input_ends: Annotated[
        bool, typer.Option("--until-input-ends", hidden=True, help="End when the standard input does.")
    ] = False,
    page: Annotated[bool, typer.Option("--page/--no-page", help="Serve the page, or the HTTP API only.")] = True,
) -> None:
    """Collect, keep, show and alert; needs nothing else. Ends with Ctrl-C.

    The page stands at http://127.0.0.1:8502/, and the API there answers PromQL as Prometheus does.
    """
    with monitor_imports():
        for name in NEEDED:
            import_module(name)
    from seaway.monitor.alerts.defaults import default_rules  # noqa: PLC0415
    from seaway.monitor.alerts.rule import read_rules  # noqa: PLC0415
    from seaway.monitor.collect.fetch import fetch  # noqa: PLC0415
    from seaway.monitor.collect.gpu import gpus  # noqa: PLC0415
    from seaway.monitor.collect.host import Host  # noqa: PLC0415
    from seaway.monitor.monitor import Monitor, Options  # noqa: PLC0415
    from seaway.monitor.place import default_directory, held  # noqa: PLC0415
    from seaway.monitor.query.prometheus import PrometheusStore  # noqa: PLC0415
    from seaway.monitor.serve import Answering, application, listen  # noqa: PLC0415
    from seaway.monitor.store.store import Store  # noqa: PLC0415

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    place = directory or default_directory()
    clock = SystemClock()
    address, port = _address(listen_on)
    asked = Asked(
        servers=servers or (),
        targets_file=targets_file,
        deployment=deployment,
        environment=environment,
        target=target,
        state=state,
        dns=dns or (),
        docker=docker,
        prometheus=prometheus,
        objectives=objective or (),
    )
    if asked.names_nothing and Path(FILE_NAME).is_file():
        asked = replace(asked, deployment=Path(FILE_NAME))
    found = looking(asked, clock)
    open_store = partial(PrometheusStore, prometheus) if prometheus else Store
    chosen = read_rules(rules) if rules else default_rules() + found.rules
    teller = _teller([_channel(text) for text in notify or []], place, clock)
    password = _password(password_file)
    remote = _remote(remote_write or [], remote_write_auth or [], prometheus, clock)
    with held(place), closing(listen(address, port)) as listener, closing(remote), found.closing:
        host = socket.gethostname()
        beside: list[Source] = [Host(host, place).samples]
        if (cards := gpus(host)) is not None:
            beside.append(cards.samples)
        beside += [*found.sources, remote.samples]
        options = Options(interval, min(4.0, interval), max_mib * _MIB)
        watching = Monitor(
            place,
            found.discovery(),
            fetch,
            chosen,
            teller,
            clock,
            options,
            beside,
            found.events,
            open_store,
            remote.take,
        )
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        if until_input_ends:
            threading.Thread(target=_end_with_input, args=(stopping,), name="input", daemon=True).start()
        answering = Answering(application(watching, clock, password, page, found.actions), listener)
        shown = f"http://{address}:{listener.getsockname()[1]}"
        typer.echo(f"seaway monitor: {shown}/" + ("" if page else "api/v1/") + f", history in {place}")
        remote.start()
        try:
            with scaling(asked, stopping) if autoscale else nullcontext():
                watching.run(stopping)
        finally:
            answering.stop()


@contextmanager
def scaling(asked: Asked, stopping: threading.Event) -> Iterator[None]:
    """Let the replicas of the deployment follow the load for as long as the block lasts.

    It has a thread, and clients of engines, of its own: a plan that takes long must not keep the monitor from looking.
    """
    if asked.deployment is None:
        raise InvalidArgument("--autoscale changes a deployment; name it with --deployment seaway.yaml")
    from seaway.cli.deploy.options import opened  # noqa: PLC0415 - the packages of deployments may not be installed
    from seaway.cli.deploy.scaling import check, keep_scaling  # noqa: PLC0415

    deployment = opened(asked.deployment, asked.environment, asked.target)
    check(deployment.description)
    thread = threading.Thread(target=keep_scaling, args=(deployment, stopping, log.info), name="autoscale", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(_SCALE_STOP_S)


def _teller(channels: Sequence[Channel], place: Path, clock: Clock) -> Teller:
    from seaway.monitor.alerts.telling import Teller  # noqa: PLC0415
    from seaway.monitor.notify.dead_letters import DeadLetters  # noqa: PLC0415
    from seaway.monitor.notify.delivery import Deliveries  # noqa: PLC0415

    return Teller(Deliveries(channels, DeadLetters(place / "undelivered.jsonl"), clock, random.Random()))


def _remote(urls: Sequence[str], files: Sequence[Path], prometheus: str, clock: Clock) -> RemoteWrite:
    from seaway.monitor.remote.receiver import HttpReceiver  # noqa: PLC0415
    from seaway.monitor.remote.remote_write import RemoteWrite  # noqa: PLC0415

    if urls and prometheus:
        raise InvalidArgument("--remote-write sends what is collected, and with --prometheus nothing is; name one")
    if files and len(files) != len(urls):
        raise InvalidArgument(
            f"--remote-write-auth is given {len(files)} times and --remote-write {len(urls)} times; each receiver "
            "needs a file of its own, in the same order, since a token must not go to the wrong one"
        )
    given: Sequence[Path | None] = files or [None] * len(urls)
    receivers = [HttpReceiver(url, file) for url, file in zip(urls, given, strict=True)]
    return RemoteWrite(
        receivers, clock, random.Random(), (("instance", socket.gethostname()), ("job", "seaway-monitor"))
    )


def _password(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        password = file.read_text().strip()
    except OSError as err:
        raise InvalidArgument(f"--password-file: {file} cannot be read: {err.strerror}") from err
    if not password:
        raise InvalidArgument(f"--password-file: {file} is empty; it holds the password")
    return password


def _end_with_input(stopping: threading.Event) -> None:
    sys.stdin.read()
    stopping.set()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or not host or int(port) > 65535:  # noqa: PLR2004 - ports end there
        raise InvalidArgument(f"--listen {text!r}: expected ADDRESS:PORT, as in {_LISTEN}")
    return host.strip("[]"), int(port)


def _channel(text: str) -> Channel:
    from seaway.monitor.notify.channels import AppriseChannel, WebhookChannel  # noqa: PLC0415

    name, equals, file = text.partition("=")
    if not equals or not name or not file:
        raise InvalidArgument(f"--notify {text!r}: expected NAME=FILE, as in team=/etc/seaway/slack-url")
    try:
        url = Path(file).read_text().strip()
    except OSError as err:
        raise InvalidArgument(f"--notify {name}: {file} cannot be read: {err.strerror}") from err
    if url.startswith("webhook+"):
        return WebhookChannel(name, Secret(url.removeprefix("webhook+")))
    return AppriseChannel(name, Secret(url))
