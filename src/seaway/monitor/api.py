"""The monitor's HTTP API: questions in the form of Prometheus' own, so that its clients and Grafana can ask too.

Source: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, PlainTextResponse

from seaway.clock import Clock
from seaway.errors import InvalidArgument, NotFound, SeawayError
from seaway.monitor.alerts.rule import seconds
from seaway.monitor.point import Kind, Series
from seaway.monitor.query.evaluate import parsed, query, query_range, rows
from seaway.monitor.query.matching import matchers_of
from seaway.monitor.view import AlertState, View

_PARTS = ("_bucket", "_sum", "_count")


def routes(view: View, clock: Clock) -> APIRouter:
    """Return what can be asked of a running monitor. GET and POST forms both, as clients do either."""
    router = APIRouter()
    api = _Api(view, clock)
    for path, handler in {
        "/api/v1/query": api.query,
        "/api/v1/query_range": api.query_range,
        "/api/v1/series": api.series,
        "/api/v1/labels": api.labels,
        "/api/v1/label/{name}/values": api.label_values,
        "/api/v1/alerts": api.alerts,
        "/api/v1/targets": api.targets,
        "/api/v1/events": api.events,
        "/api/v1/metadata": api.metadata,
        "/api/v1/status/buildinfo": api.build,
    }.items():
        router.add_api_route(path, _answering(handler), methods=["GET", "POST"], name=path)
    router.add_api_route("/healthz", lambda: PlainTextResponse("ok\n"), methods=["GET"])
    return router


Handler = Callable[[Mapping[str, str], list[str]], Any]


def _answering(handler: Handler) -> Callable[..., Any]:
    async def answer(request: Request) -> JSONResponse:
        values: dict[str, str] = dict(request.query_params)
        several = request.query_params.getlist("match[]")
        if request.method == "POST":
            form = await request.form()
            values |= {key: value for key, value in form.items() if isinstance(value, str)}
            several += [value for value in form.getlist("match[]") if isinstance(value, str)]
        values |= request.path_params
        try:
            # The store is read in a thread: a long question holds up no other.
            data = await run_in_threadpool(handler, values, several)
        except InvalidArgument as err:
            return _refused("bad_data", err, 400)
        except SeawayError as err:
            return _refused("execution", err, 404 if isinstance(err, NotFound) else 422)
        return JSONResponse({"status": "success", "data": data})

    return answer


def _refused(kind: str, err: SeawayError, status: int) -> JSONResponse:
    return JSONResponse({"status": "error", "errorType": kind, "error": err.message}, status)


class _Api:
    """One method for each question."""

    def __init__(self, view: View, clock: Clock) -> None:
        self._view = view
        self._clock = clock

    def query(self, values: Mapping[str, str], _: list[str]) -> Any:
        at = self._moment(values, "time")
        answer = query(self._view.store, _asked(values, "query"), at)
        if isinstance(answer, float):
            return {"resultType": "scalar", "result": _pair(at, answer)}
        found = [{"metric": labels, "value": _pair(*pairs[-1])} for labels, pairs in rows(answer, [at])]
        return {"resultType": "vector", "result": found}

    def query_range(self, values: Mapping[str, str], _: list[str]) -> Any:
        start, end = self._moment(values, "start"), self._moment(values, "end")
        step = round(_duration(_asked(values, "step"), "step") * 1000)
        moments, answer = query_range(self._view.store, _asked(values, "query"), start, end, step)
        found = [
            {"metric": labels, "values": [_pair(*pair) for pair in pairs]}
            for labels, pairs in rows(answer, list(moments.times))
        ]
        return {"resultType": "matrix", "result": found}

    def series(self, values: Mapping[str, str], several: list[str]) -> Any:
        if not several:
            raise InvalidArgument("match[] is missing: at least one selector, as in match[]=up")
        found = {_named(series): None for selector in several for series in self._matching(selector)}
        return [dict(labels) for labels in found]

    def labels(self, values: Mapping[str, str], several: list[str]) -> Any:
        names = {name for labels in self._all(several) for name, _ in labels}
        return sorted(names)

    def label_values(self, values: Mapping[str, str], several: list[str]) -> Any:
        name = values["name"]
        return sorted({value for labels in self._all(several) for key, value in labels if key == name})

    def alerts(self, _: Mapping[str, str], __: list[str]) -> Any:
        found = [
            {
                "labels": {"alertname": each.rule, "severity": each.severity, **dict(each.labels)},
                "annotations": {"summary": each.summary},
                "state": each.state.value,
                "activeAt": _iso(each.began_at),
                "value": _number(each.value),
                **({"silencedUntil": _iso(each.silenced_until)} if each.silenced_until else {}),
            }
            for each in self._view.alerts()
            if each.state is not AlertState.RESOLVED
        ]
        return {"alerts": found}

    def targets(self, _: Mapping[str, str], __: list[str]) -> Any:
        found = [
            {
                "labels": {"instance": each.instance},
                "scrapeUrl": each.url,
                "health": "up" if each.is_up else "down" if each.at else "unknown",
                "lastError": "" if each.is_up else each.problem,
                "lastScrape": _iso(each.at),
                "lastScrapeDuration": each.took_s,
            }
            for each in self._view.targets()
        ]
        return {"activeTargets": found, "droppedTargets": []}

    def events(self, values: Mapping[str, str], _: list[str]) -> Any:
        end = self._moment(values, "end")
        start = self._moment(values, "start") if "start" in values else end - 3_600_000
        found = self._view.store.events(start, end)
        return [{"time": each.at / 1000, "kind": each.kind, "labels": each.labels, "text": each.text} for each in found]

    def metadata(self, _: Mapping[str, str], __: list[str]) -> Any:
        kinds = {series.name: series.kind for series in self._view.store.series("")}
        return {name: [{"type": kind.name.lower(), "help": "", "unit": ""}] for name, kind in sorted(kinds.items())}

    def build(self, _: Mapping[str, str], __: list[str]) -> Any:
        # Grafana asks it to know which dialect it may use; what is here is a part of that version's.
        return {"version": "2.42.0", "application": "seaway monitor"}

    def _moment(self, values: Mapping[str, str], name: str) -> int:
        text = values.get(name, "")
        if not text:
            return round(self._clock.wall() * 1000)
        try:
            return round(float(text) * 1000)
        except (ValueError, OverflowError):
            pass
        try:
            return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
        except ValueError:
            raise InvalidArgument(
                f"{name}={text!r} is no moment: seconds since the epoch or 2026-01-31T12:00:00Z"
            ) from None

    def _all(self, several: list[str]) -> list[tuple[tuple[str, str], ...]]:
        if not several:
            return [_named(series) for series in self._view.store.series("")]
        return [_named(series) for selector in several for series in self._matching(selector)]

    def _matching(self, selector: str) -> list[Series]:
        name, matchers = matchers_of(parsed(selector))
        for part in _PARTS:
            whole = name.removesuffix(part)
            found = [each for each in self._view.store.series(whole, matchers) if each.kind is Kind.HISTOGRAM]
            if whole != name and found:
                return found
        return self._view.store.series(name, matchers)


def _named(series: Series) -> tuple[tuple[str, str], ...]:
    return (("__name__", series.name), *series.labels)


def _asked(values: Mapping[str, str], name: str) -> str:
    text = values.get(name, "")
    if not text:
        raise InvalidArgument(f"{name} is missing")
    return text


def _duration(text: str, name: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return seconds(text)
    except InvalidArgument as err:
        raise InvalidArgument(f"{name}: {err.message}") from err


def _pair(at: int, value: float) -> list[Any]:
    return [at / 1000, _number(value)]


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value) if value != int(value) or abs(value) > 1e15 else str(int(value))  # noqa: PLR2004 - exact integers


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s).astimezone().isoformat()
