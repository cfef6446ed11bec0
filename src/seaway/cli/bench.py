"""`seaway bench`: measure any server that has TensorFlow Serving's APIs.

The verb turns its options into values, makes one call and prints what came of it; everything else is in `seaway.bench`,
which is imported only when it is asked for: every other verb starts sooner without it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from seaway.cli.predict import read_input
from seaway.errors import InvalidArgument

_DURATION_S = 10.0
_STEP_DURATION_S = 3.0
_COUNTED_DURATION_S = 3600.0
_WARM_UP_S = 1.0
_STEP_WARM_UP_S = 0.5
# Enough that an open loop's requests rarely wait for a place; each is a connection over REST.
_OPEN_IN_FLIGHT = 128
_VERBS = ("predict", "classify", "regress", "multi_inference")


def bench(  # noqa: PLR0913, PLR0917 - the options of the verb, which only typer passes
    servers: Annotated[
        list[str],
        typer.Argument(
            metavar="SERVER...",
            help="HOST:PORT for gRPC, http://HOST:PORT for REST; grpcs://, https://, unix:PATH; two with --compare.",
        ),
    ],
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Name of the model.")],
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help="Version; the default is the latest.")
    ] = None,
    signature: Annotated[
        str, typer.Option("--signature", metavar="NAME", help="Signature; the default is serving_default.")
    ] = "",
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="NAME=VALUE", help="JSON, @FILE.json or @FILE.npy; inputs not given get random values."
        ),
    ] = None,
    body: Annotated[
        Path | None,
        typer.Option("--body", metavar="FILE", help="The whole request: a serialized message, or JSON over REST."),
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(
            "--log",
            metavar="FILE",
            help="Recorded requests, sent in turn: a log of requests in any form, by path, glob or URL.",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="VERB",
            help="predict, classify, regress or multi_inference: what --body is, or of --log.",
        ),
    ] = "",
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="N", min=1, help="Rows of each random input.")] = 1,
    dims: Annotated[
        list[str] | None,
        typer.Option("--dim", metavar="NAME=N", help="Size of a free dimension, by its name or as INPUT.AXIS; else 1."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Seed of random values and moments.")] = 1,
    in_flight: Annotated[
        int | None,
        typer.Option("--in-flight", metavar="N", min=1, help="Requests in flight: 1, or 128 at most with a rate."),
    ] = None,
    connections: Annotated[
        int, typer.Option("--connections", metavar="N", min=1, help="gRPC connections that they are spread over.")
    ] = 1,
    rate: Annotated[
        float | None,
        typer.Option("--rate", metavar="PER_SECOND", help="Open loop: requests fall due at this rate, come what may."),
    ] = None,
    poisson: Annotated[
        bool, typer.Option("--poisson", help="With a rate: at random moments instead of regular ones.")
    ] = False,
    duration: Annotated[
        float | None,
        typer.Option(
            "--duration", metavar="SECONDS", help="Seconds of each measurement: 10, or 3 where several are made."
        ),
    ] = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", min=1, help="Requests of each measurement, instead of a time.")
    ] = None,
    warm_up: Annotated[
        float | None, typer.Option("--warm-up", metavar="SECONDS", help="Seconds of the same load before measuring.")
    ] = None,
    comparing: Annotated[
        bool, typer.Option("--compare", help="Measure two servers A and B in turn and print the ratios B / A.")
    ] = False,
    rounds: Annotated[
        int, typer.Option("--rounds", metavar="N", min=1, help="With --compare: measurements of each server.")
    ] = 5,
    finding: Annotated[
        bool, typer.Option("--find-max", help="Search the highest rate that keeps the objective of --slo.")
    ] = False,
    slo: Annotated[
        str,
        typer.Option("--slo", metavar="FIGURE=TIME", help="The objective, for instance p99=20ms or p50=5ms,p99=20ms."),
    ] = "",
    time_limit: Annotated[
        float, typer.Option("--time-limit", metavar="SECONDS", min=1, help="With --find-max: how long to search.")
    ] = 120.0,
    metrics: Annotated[
        str,
        typer.Option("--metrics", metavar="URL", help="REST port with the metrics of a gRPC port; 8501 for 8500."),
    ] = "",
    deadline: Annotated[
        float | None,
        typer.Option("--deadline", metavar="SECONDS", help="An answer after it is a failure; gRPC servers are told."),
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="An address without a protocol is gRPC with TLS.")] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option("--ca-file", metavar="FILE", help="Authorities to trust instead of the system's, PEM."),
    ] = None,
    cert_file: Annotated[
        Path | None, typer.Option("--cert-file", metavar="FILE", help="Certificate to show to the server, PEM.")
    ] = None,
    key_file: Annotated[Path | None, typer.Option("--key-file", metavar="FILE", help="Its private key, PEM.")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="With TLS: accept any certificate of the server.")
    ] = False,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Load a server on another machine, which is yours to load.")
    ] = False,
    printing_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Also write the report as a page with plots.")
    ] = None,
) -> None:
    """Measure a running server: throughput, latency, errors, and where the time goes.

    A closed loop (`--in-flight`) shows what the server can do, an open loop (`--rate`) what clients notice. Requests
    are made from the live model's signature. For instance: `seaway bench localhost:8500 --model m --in-flight 16`,
    `seaway bench --compare localhost:8500 localhost:9500 --model m`,
    `seaway bench http://localhost:8501 --model m --find-max --slo p99=20ms`.
    """
    from seaway.bench import order  # noqa: PLC0415 - see above

    check_together(
        len(servers),
        comparing,
        finding,
        slo,
        poisson and rate is None,
        [bool(inputs), bool(body), bool(log)].count(True) > 1,
    )
    several = comparing or finding
    asked = order.Order(
        servers=tuple(servers),
        model=order.Model(model, version, signature),
        verb=checked_verb(method, body, log),
        given=dict(read_input(text) for text in inputs or ()),
        body=body,
        log=log,
        generation=order.Generation(batch_size, seed, parse_dims(dims or [])),
        metrics=metrics,
        allow_remote=allow_remote,
        tls=order.TlsFiles(tls, ca_file, cert_file, key_file, insecure),
        load=order.Load(
            in_flight=in_flight or (_OPEN_IN_FLIGHT if finding or rate else 1),
            connections=connections,
            rate=checked_rate(rate),
            poisson=poisson,
            duration_s=checked_seconds("--duration", duration, default_duration(several, count)),
            warm_up_s=checked_seconds("--warm-up", warm_up, default_warm_up(several, count)),
            count=count,
            seed=seed,
            deadline_s=checked_deadline(deadline),
        ),
        rounds=rounds,
        objective=slo,
        time_limit_s=time_limit,
    )
    report = order.carry_out(asked)
    if printing_json:
        typer.echo(order.as_json(report))
    else:
        order.print_report(report)
    if html is not None:
        html.write_text(order.html_page(report), encoding="utf-8")
        print(f"the report with plots is {html}", file=sys.stderr)


def check_together(  # noqa: PLR0913, PLR0917 - the options that depend on each other
    servers: int, comparing: bool, finding: bool, slo: str, poisson_alone: bool, several_requests: bool
) -> None:
    """Refuse options that contradict each other or lack their companion.

    Raises:  InvalidArgument - says which, and what to do.
    """
    wanted = 2 if comparing else 1
    if comparing and finding:
        raise InvalidArgument("--compare and --find-max are both given; keep one of them")
    if servers != wanted:
        hint = "two with --compare, one without"
        raise InvalidArgument(f"{servers} {'server is' if servers == 1 else 'servers are'} given; name {hint}")
    if finding and not slo:
        raise InvalidArgument("--find-max needs an objective, for instance --slo p99=20ms")
    if slo and not finding:
        raise InvalidArgument(f"--slo {slo} has no effect without --find-max")
    if poisson_alone and not finding:
        raise InvalidArgument("--poisson needs a --rate, for instance --rate 100")
    if several_requests:
        raise InvalidArgument("--input, --body and --log each say what is sent; keep one of them")


def checked_verb(verb: str, body: Path | None, log: str | None) -> str:
    """Return the verb; empty when none was given.

    Raises:  InvalidArgument - it is none, or a request for it cannot be made from a signature.
    """
    if verb and verb not in _VERBS:
        raise InvalidArgument(f"--method {verb!r} is none of {', '.join(_VERBS)}")
    if verb not in ("", "predict") and body is None and log is None:
        raise InvalidArgument(f"--method {verb} needs the whole request: give --body FILE or --log FILE")
    return verb


def checked_rate(rate: float | None) -> float | None:
    """Return the rate.

    Raises:  InvalidArgument - it is out of bounds.
    """
    if rate is not None and not 0.01 <= rate <= 1e6:  # noqa: PLR2004 - the bounds are told beside
        raise InvalidArgument(f"--rate {rate:g} is not between 0.01 and 1000000 requests a second")
    return rate


def checked_deadline(seconds: float | None) -> float | None:
    """Return the deadline.

    Raises:  InvalidArgument - it is out of bounds.
    """
    if seconds is not None and not 0.0001 <= seconds <= 86_400:  # noqa: PLR2004 - the bounds are told beside
        raise InvalidArgument(f"--deadline {seconds:g} is not between 0.0001 and 86400 seconds")
    return seconds


def checked_seconds(option: str, seconds: float | None, default: float) -> float:
    """Return a time.

    Raises:  InvalidArgument - it is out of bounds.
    """
    chosen = default if seconds is None else seconds
    if not 0 <= chosen <= 86_400:  # noqa: PLR2004 - the bounds are told beside
        raise InvalidArgument(f"{option} {chosen:g} is not between 0 and 86400 seconds")
    return chosen


def default_duration(several: bool, count: int | None) -> float:
    """Return how long a measurement takes unless the user says: less when there are several, plenty when by count."""
    if count is not None:
        return _COUNTED_DURATION_S
    return _STEP_DURATION_S if several else _DURATION_S


def default_warm_up(several: bool, count: int | None) -> float:
    """Return how long a warm-up takes unless the user says; none when requests are counted, as its own would be."""
    if count is not None:
        return 0.0
    return _STEP_WARM_UP_S if several else _WARM_UP_S


def parse_dims(texts: list[str]) -> dict[str, int]:
    """Return sizes by name.

    Raises:  InvalidArgument - one is not NAME=N with a positive N.
    """
    sizes = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not name or not number.isdigit() or int(number) < 1:
            raise InvalidArgument(f"--dim {text!r} is not NAME=N, for instance image.1=224")
        sizes[name] = int(number)
    return sizes
