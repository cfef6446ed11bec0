"""A report as one page: it needs no script, fetches nothing, and prints. Pure.

Names of models, versions, servers and rules come from elsewhere and may be anything: each becomes visible characters
first and is escaped last, by `_text`, on its only way into the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from html import escape

from seaway.monitor.page.text import labels as labels_text
from seaway.monitor.page.text import number, rate, seconds, share, visible
from seaway.monitor.report import chart
from seaway.monitor.report.figures import Figures
from seaway.monitor.report.incidents import Incident
from seaway.monitor.report.traffic import Part, Totals, Trend

_WRITTEN = {"rate": rate, "share": share, "seconds": seconds}
_LONGEST = 300
_MOST_MARKS = 60
_LITTLE = 0.005

_STYLE = """
:root{color-scheme:light}
body{font:15px/1.5 system-ui,sans-serif;color:#17202b;background:#fff;max-width:960px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid #d6dce3}
h3{font-size:.95rem;margin:1rem 0 .2rem}
p.about,p.none,figcaption,.muted{color:#5b6775}h1,td,th,li{overflow-wrap:anywhere}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem;margin:1rem 0}
.tile{border:1px solid #d6dce3;border-left-width:5px;border-radius:6px;padding:.6rem .9rem;flex:1 1 12rem}
.tile b{display:block;font-size:1.35rem;font-variant-numeric:tabular-nums}
.good{border-left-color:#15803d}.bad{border-left-color:#b91c1c}
table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #e6eaee;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
figure{margin:0 0 1rem;break-inside:avoid}svg{width:100%;height:auto;display:block}
svg text{font-size:11px;fill:#5b6775}.left,.last{text-anchor:end}.between{text-anchor:middle}
.grid{stroke:#e6eaee}.mark{stroke:#7c3aed;stroke-dasharray:2 3}.band{fill:#b91c1c;fill-opacity:.12}
.line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}
.now{stroke:#1d4ed8}.before{stroke:#94a3b8;stroke-dasharray:5 4}
.key{display:inline-block;width:1.6rem;border-top:2px solid #1d4ed8;vertical-align:middle}
.key.then{border-top:2px dashed #94a3b8}
@media print{body{margin:0;max-width:none;font-size:11pt}tr,.tile{break-inside:avoid}h2,h3{break-after:avoid}}
"""


def page(figures: Figures, made_at: float) -> str:
    """Return the page. Units: made_at in seconds since the Unix epoch."""
    length = _lasting(figures.end - figures.start)
    title = f"Report on {figures.model}"
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width">',
            # Whatever a name may hold, a browser that keeps to this runs and fetches nothing.
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
            f"<h1>{_text(title)}</h1>",
            f'<p class="about">{moment(figures.start)} to {moment(figures.end)} ({length}), '
            f"compared with the {length} before. Made {moment(made_at)}. "
            "All times are UTC.</p>",
            _objectives(figures),
            _comparison(figures.totals, figures.before),
            _trends(figures),
            _section("Versions and signatures", _parts(figures.parts, ("Version", "Signature"))),
            _section("Replicas", _replicas(figures)),
            _section("Answers", _codes(figures)),
            _section("Incidents", _incidents(figures)),
            _section("Versions, restarts and other changes", _happened(figures)),
            _remarks(figures),
            "</body></html>\n",
        )
    )


# Parts of the page.


def _objectives(figures: Figures) -> str:
    kept, latency = figures.availability, figures.latency
    tiles = [
        _tile(
            kept.is_met,
            "Availability",
            attained(kept.attained),
            f"objective {attained(kept.objective)}, {'kept' if kept.is_met else 'missed'}",
        ),
        _tile(
            kept.left > 0,
            "Error budget left",
            _signed_share(kept.left),
            f"{number(figures.totals.errors)} of {number(kept.allowed)} errors used",
        ),
    ]
    if latency is not None:
        known = f"between {attained(latency.at_least)} and {attained(latency.at_most)} by the buckets"
        tiles.append(
            _tile(
                latency.is_met,
                f"Answered within {seconds(latency.within_s)}",
                attained(latency.attained),
                f"objective {attained(latency.objective)}, {'kept' if latency.is_met else 'missed'}; {known}",
            )
        )
        tiles.append(
            _tile(latency.left > 0, "Latency budget left", _signed_share(latency.left), "of requests that may be late")
        )
    about = (
        "Errors are the answers that a correct request should never get (as in the alerts); requests are those of "
        "clients, by gRPC and REST."
    )
    left = chart.drawn(
        chart.Chart(
            "Error budget left",
            figures.moments,
            (chart.Line("now", figures.budget_left),),
            _signed_share,
            _bands(figures),
        )
    )
    return _section(
        "Objectives",
        f'<div class="tiles">{"".join(tiles)}</div><p class="muted">{about}</p>{_figure("Error budget left", left)}',
    )


def _comparison(now: Totals, before: Totals) -> str:
    lines = (
        ("Requests", number(now.requests), number(before.requests), change(now.requests, before.requests)),
        (
            "Requests per second",
            rate(now.per_second),
            rate(before.per_second),
            change(now.per_second, before.per_second),
        ),
        (
            "Share of errors",
            share(now.error_ratio),
            share(before.error_ratio),
            change(now.error_ratio, before.error_ratio),
        ),
        ("p50 of latency", seconds(now.p50_s), seconds(before.p50_s), change(now.p50_s, before.p50_s)),
        ("p95 of latency", seconds(now.p95_s), seconds(before.p95_s), change(now.p95_s, before.p95_s)),
        ("p99 of latency", seconds(now.p99_s), seconds(before.p99_s), change(now.p99_s, before.p99_s)),
    )
    return _section("In total", _table(("", "#This time", "#The time before", "#Change"), lines))


def _trends(figures: Figures) -> str:
    keys = (
        '<p class="muted"><span class="key"></span> this time &nbsp; <span class="key then"></span> the time before '
        "&nbsp; red: an alert fired &nbsp; violet: a version or worker changed</p>"
    )
    return _section("Over time", keys + "".join(_figure(each.name, _trend(figures, each)) for each in figures.trends))


def _trend(figures: Figures, trend: Trend) -> str:
    lines = (chart.Line("before", trend.before), chart.Line("now", trend.now))
    return chart.drawn(
        chart.Chart(trend.name, figures.moments, lines, _WRITTEN[trend.unit], _bands(figures), _marks(figures))
    )


def _bands(figures: Figures) -> list[chart.Band]:
    return [
        chart.Band(each.began_at, each.ended_at or figures.end, visible(f"{each.rule}: {each.summary}", _LONGEST))
        for each in figures.incidents
        # What was recorded is there again as replayed, and one red over another is a darker one.
        if each.source == "replayed"
    ][-_MOST_MARKS:]


def _marks(figures: Figures) -> list[chart.Mark]:
    return [chart.Mark(each.at, visible(each.text, _LONGEST)) for each in figures.happened][-_MOST_MARKS:]


def _parts(parts: Sequence[Part], names: Sequence[str]) -> str:
    head = (*names, "#Requests", "#Of all", "#Errors", "#p50", "#p95", "#p99")
    return _table(head, ((*(label or "—" for label in part.labels), *_cells(part)) for part in parts))


def _cells(part: Part) -> tuple[str, ...]:
    quantiles = (seconds(part.p50_s), seconds(part.p95_s), seconds(part.p99_s))
    return number(part.requests), share(part.share), share(part.error_ratio), *quantiles


def _replicas(figures: Figures) -> str:
    head = ("Server", "#Requests", "#Of all", "#Errors", "#p50", "#p95", "#p99", "#Answered", "#Restarts")
    return (
        _table(
            head,
            (
                (each.part.labels[0] or "—", *_cells(each.part), share(each.up), number(each.restarts))
                for each in figures.replicas
            ),
        )
        + '<p class="muted">Answered: at how many of the monitor\'s looks. Restarts: of workers of this model.</p>'
    )


def _codes(figures: Figures) -> str:
    total = figures.totals.requests
    return _table(
        ("Code", "#Requests", "#Of all"), ((code, number(each), share(each / total)) for code, each in figures.codes)
    )


def _incidents(figures: Figures) -> str:
    if not figures.incidents:
        return '<p class="none">No alert fired, and the default rules over the same data find none.</p>'
    head = ("Began", "#Lasted", "Rule", "Severity", "What", "Labels", "Source")
    about = (
        '<p class="muted">Recorded: the monitor told of it. Replayed: what the default rules find over the recorded '
        "data, whichever rules the monitor had.</p>"
    )
    return _table(head, (_incident(each, figures.end) for each in figures.incidents)) + about


def _incident(each: Incident, end: float) -> tuple[str, ...]:
    lasted = _lasting((each.ended_at or end) - each.began_at) + ("" if each.ended_at is not None else ", goes on")
    labels = labels_text(dict(each.labels))
    return moment(each.began_at), lasted, each.rule, each.severity, each.summary, labels, each.source


def _happened(figures: Figures) -> str:
    if not figures.happened:
        return '<p class="none">Nothing was recorded.</p>'
    return _table(
        ("When", "Kind", "What", "Labels"),
        ((moment(each.at), each.kind, each.text, labels_text(dict(each.labels))) for each in figures.happened),
    )


def _remarks(figures: Figures) -> str:
    items = "".join(f"<li>{_text(each)}</li>" for each in figures.remarks)
    return _section("Remarks", f"<ul>{items}</ul>") if items else ""


# Markup.


def _text(text: str) -> str:
    return escape(visible(text, _LONGEST))


def _section(title: str, content: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{content}</section>"


def _figure(title: str, drawing: str) -> str:
    return f"<figure><h3>{_text(title)}</h3>{drawing}</figure>"


def _tile(is_good: bool, title: str, value: str, about: str) -> str:
    style = "good" if is_good else "bad"
    return (
        f'<div class="tile {style}">{_text(title)}<b>{_text(value)}</b><span class="muted">{_text(about)}</span></div>'
    )


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table; a column whose title begins with # holds numbers."""
    numeric = [title.startswith("#") for title in head]
    names = "".join(
        f"<th{_numeric(is_n)}>{_text(title.lstrip('#'))}</th>" for title, is_n in zip(head, numeric, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(f"<td{_numeric(is_n)}>{_text(cell)}</td>" for cell, is_n in zip(line, numeric, strict=True))
        + "</tr>"
        for line in lines
    )
    return f"<table><thead><tr>{names}</tr></thead><tbody>{body}</tbody></table>"


def _numeric(is_numeric: bool) -> str:
    return ' class="n"' if is_numeric else ""


# Numbers.


def attained(value: float) -> str:
    """Return a share near 1 with the nines that count, never rounded up to what was missed."""
    digits = 2 if value < 0.99 else 3 if value < 0.9999 else 5  # noqa: PLR2004 - each a nine or two more
    floored = math.floor(value * 100 * 10**digits + 1e-6) / 10**digits
    return f"{floored:.{digits}f}".rstrip("0").rstrip(".") + " %"


def _signed_share(value: float) -> str:
    """Return a share that may be negative or large."""
    return f"{value * 100:.3g} %" if abs(value) < 10 else f"{value * 100:.0f} %"  # noqa: PLR2004 - 1000 % and more


def change(now: float | None, before: float | None) -> str:
    """Return how a figure changed, relative to before."""
    if now is None or before is None or not before:
        return "—"
    relative = now / before - 1
    return "none" if abs(relative) < _LITTLE else f"{relative * 100:+.3g} %"


def moment(at: float) -> str:
    """Return a moment in UTC, to the minute."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d %H:%M")


def _lasting(length_s: float) -> str:
    days, rest = divmod(round(length_s), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    pieces = [(days, "d"), (hours, "h"), (minutes, "min"), (left, "s")]
    return " ".join(f"{size} {unit}" for size, unit in [each for each in pieces if each[0]][:2]) or "0 s"
