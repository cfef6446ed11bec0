"""Everything that one `seaway bench` was asked for, carried out.

It puts the parts together in the order that a user expects: no server is asked anything before all of them may be, and
no load starts before a request for each could be made.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from seaway.bench.generator import Load
from seaway.bench.objective import parse_objective
from seaway.bench.page import html_page
from seaway.bench.progress import Bars
from seaway.bench.recorded import request_from_log
from seaway.bench.report import Comparison, Report, Result, as_json
from seaway.bench.request import Generation, Request, request_from_file, request_from_signature
from seaway.bench.run import Subject, compare, find_max, measure_once, require_success
from seaway.bench.signature import Model, fetch_inputs
from seaway.bench.stages import metrics_target
from seaway.bench.table import render
from seaway.bench.target import Target, check_allowed, parse_target, speaks_tls
from seaway.bench.tls import Tls, TlsFiles, read_tls
from seaway.errors import InvalidArgument

__all__ = ["Generation", "Load", "Model", "Order", "TlsFiles", "as_json", "carry_out", "html_page", "print_report"]

_METADATA_TIMEOUT_S = 10.0
_WIDTH = 140


@dataclass(frozen=True, slots=True)
class Order:
    """What was asked for."""

    servers: tuple[str, ...]
    """One, or two that are compared."""
    model: Model
    verb: str
    """What a body is for, or which records of a log are sent; empty for predict, or for the only kind of records."""
    given: Mapping[str, Any]
    """Values of inputs; the others are random."""
    body: Path | None
    """A file with the whole request instead."""
    log: str | None
    """A file with recorded requests instead."""
    generation: Generation
    metrics: str
    allow_remote: bool
    tls: TlsFiles
    load: Load
    rounds: int
    objective: str
    """What a search keeps, for instance `p99=20ms`; empty when nothing is searched."""
    time_limit_s: float


def carry_out(order: Order) -> Report:
    """Make the measurements and return the report.

    Raises:  InvalidArgument - a target is another machine, or no request can be made. Unavailable - none answers.
             NotFound - the model has no such signature.
    """
    if order.metrics and len(order.servers) > 1:
        raise InvalidArgument(
            "--metrics is one server's page; with --compare stages come from REST ports, or 8501 for 8500"
        )
    objective = parse_objective(order.objective) if order.objective else None
    tls = tls_of(order)
    targets = [parse_target(server, tls, tls_by_default=order.tls.asked) for server in order.servers]
    for target in targets:
        check_allowed(target, order.allow_remote)
    subjects = [subject_of(target, order, tls) for target in targets]
    first, load = subjects[0], order.load
    with Bars() as bars:
        result: Result
        if objective is not None:
            result = find_max(first, load, objective, order.time_limit_s, time.monotonic, bars.watch)
        elif len(subjects) > 1:
            result = Comparison(tuple(compare(first, subjects[1], load, order.rounds, bars.watch)))
        else:
            result = require_success(measure_once(first, load, bars.watch(order.model.name, load)))
    return Report(facts_of(subjects, order), result)


def print_report(report: Report) -> None:
    """Print the report as tables, wide enough to be read where there is no terminal to fit into."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    console.print(render(report))


def tls_of(order: Order) -> Tls | None:
    """Return what addresses with TLS speak; None when there is none of them.

    Raises:  InvalidArgument - TLS is described and no address asks for it, or as for `read_tls`.
    """
    addresses = [*order.servers, *([order.metrics] if order.metrics else [])]
    wanted = any(speaks_tls(text) for text in addresses)
    by_default = order.tls.asked and any("://" not in text and ":" in text for text in order.servers)
    if wanted or by_default:
        return read_tls(order.tls)
    if order.tls.any:
        raise InvalidArgument("TLS is described, but no address asks for it: write grpcs:// or https://, or give --tls")
    return None


def subject_of(target: Target, order: Order, tls: Tls | None) -> Subject:
    """Return a server with the request that it is asked.

    Raises:  as for `carry_out`.
    """
    metrics = metrics_target(target, order.metrics, tls)
    if metrics is not None:
        check_allowed(metrics, order.allow_remote)
    return Subject(target, request_of(target, order), order.model.name, metrics, order.allow_remote)


def request_of(target: Target, order: Order) -> Request:
    """Return the request: from a file, or from the live signature.

    Raises:  as for `carry_out`.
    """
    if order.body is not None:
        return request_from_file(target.api, order.model, order.verb or "predict", order.body)
    if order.log is not None:
        return request_from_log(target.api, order.model, order.log, order.verb)
    inputs = fetch_inputs(target, order.model, _METADATA_TIMEOUT_S, order.allow_remote)
    return request_from_signature(target.api, order.model, inputs, order.given, order.generation)


def facts_of(subjects: list[Subject], order: Order) -> dict[str, str]:
    """Return what was asked of whom, in words."""
    names = ["server A", "server B"] if len(subjects) > 1 else ["server"]
    servers = {name: str(subject.target) for name, subject in zip(names, subjects, strict=True)}
    request = subjects[0].request
    return {
        **servers,
        "model": order.model.name,
        "request": f"{request.description} ({sum(map(len, request.bodies))} bytes)",
        "load": loop_of(order),
    }


def loop_of(order: Order) -> str:
    """Return how requests follow each other, in words."""
    moments = " at random moments" if order.load.poisson else ""
    if order.objective:
        return f"open loops{moments}, of {order.load.duration_s:g} s"
    if order.load.rate is not None:
        return f"open loop, {order.load.rate:g}/s{moments}"
    return f"closed loop, {order.load.in_flight} in flight"
