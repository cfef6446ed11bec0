"""`seaway alerts`: what rules do with data, before they are to wake somebody up.

The verbs turn options into values and print what `seaway.monitor.alerts` finds; it is imported only when it is asked
for, since every other verb starts sooner without it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from seaway.cli.recorded import monitor_imports, recorded
from seaway.clock import SystemClock, utc
from seaway.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seaway.monitor.alerts.check import Checked
    from seaway.monitor.alerts.replay import Firing
    from seaway.monitor.alerts.verdict import Outcome

_FAILED = 1
_PIPE_COLUMNS = 200
_MOST_MOMENTS = 50_000


def alerts() -> typer.Typer:
    """Return the verb with its own verbs."""
    app = typer.Typer(help="Test alerting rules, and replay them over what was recorded.", no_args_is_help=True)
    app.command("test")(test)
    app.command("replay")(replay)
    app.command("check")(check)
    return app


def test(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Tests, in promtool's form.")],
) -> None:
    """Run tests of rules: series, and which alerts fire when.

    The form is that of `promtool test rules`. A file without rule_files tests the default rules.
    """
    with monitor_imports():
        from seaway.monitor.alerts.verdict import run_file  # noqa: PLC0415 - see above

    failed = False
    for file in files:
        outcomes = run_file(file)
        failed = failed or any(outcome.failures for outcome in outcomes)
        typer.echo(outcomes_text(str(file), outcomes))
    if failed:
        raise typer.Exit(_FAILED)


def replay(
    store: Annotated[
        Path | None,
        typer.Option("--directory", metavar="DIR", help="Directory of the monitor; the default is the user's."),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="Rules, in Prometheus' form, instead of the default.")
    ] = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="How long ago to begin.")] = "7d",
    interval: Annotated[str, typer.Option("--interval", metavar="TIME", help="How often to look.")] = "1m",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, one alert a line.")] = False,
) -> None:
    """Show when each rule would have fired over what a monitor recorded, and for how long."""
    with monitor_imports():
        from seaway.monitor.alerts import replay as replaying  # noqa: PLC0415 - see above
        from seaway.monitor.alerts.defaults import default_rules  # noqa: PLC0415
        from seaway.monitor.alerts.rule import read_rules  # noqa: PLC0415

    chosen = read_rules(rules) if rules is not None else default_rules()
    since_s, every_s = checked_times(since, interval)
    with recorded(store) as opened:
        end_s = SystemClock().wall()
        found = replaying.replay(opened, chosen, end_s - since_s, end_s, every_s)
    if as_json:
        for firing in found.firings:
            typer.echo(json.dumps(firing_json(firing, end_s)))
    elif found.firings:
        Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(firings_table(found.firings, end_s))
    else:
        typer.echo(f"none of {len(chosen) - len(found.problems)} rules would have fired in the last {since}")
    for name, problem in found.problems.items():
        print(f"seaway: rule {name} cannot be answered: {problem}", file=sys.stderr)
    if found.problems:
        raise typer.Exit(_FAILED)


def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="Rules, in Prometheus' form.")]) -> None:
    """Read rules, ask each once, and list them."""
    with monitor_imports():
        from seaway.monitor.alerts import check as checking  # noqa: PLC0415 - see above
        from seaway.monitor.alerts.rule import read_rules  # noqa: PLC0415

    found = checking.check(read_rules(file))
    Console(width=None if sys.stdout.isatty() else _PIPE_COLUMNS).print(rules_table(found))
    for each in found:
        if each.problem:
            print(f"seaway: rule {each.rule.name} cannot be answered: {each.problem}", file=sys.stderr)
        for name in each.unknown:
            print(f"seaway: rule {each.rule.name} asks for {name}, which no server shows", file=sys.stderr)
    if any(each.problem for each in found):
        raise typer.Exit(_FAILED)


def checked_times(since: str, interval: str) -> tuple[float, float]:
    """Return how long ago to begin and how often to look, in seconds.

    Raises:  InvalidArgument - one is no duration, or there would be too many looks.
    """
    from seaway.monitor.alerts.rule import seconds  # noqa: PLC0415 - see above

    since_s, every_s = seconds(since), seconds(interval)
    if since_s <= 0 or every_s < 1:
        raise InvalidArgument(f"--since {since} has to be above 0, and --interval {interval} at least 1s")
    if since_s / every_s > _MOST_MOMENTS:
        raise InvalidArgument(
            f"--since {since} every {interval} is {since_s / every_s:.0f} looks, at most {_MOST_MOMENTS}: "
            "choose a longer --interval"
        )
    return since_s, every_s


def outcomes_text(file: str, outcomes: Sequence[Outcome]) -> str:
    """Return what became of a file's tests, with expected and got of each that failed. Pure."""
    failed = sum(bool(outcome.failures) for outcome in outcomes)
    lines = [f"{file}: {'FAILED' if failed else 'passed'} ({len(outcomes) - failed} of {len(outcomes)} tests passed)"]
    for outcome in outcomes:
        for failure in outcome.failures:
            lines.append(f"  {outcome.name}, at {lasting(failure.at_s)}, {failure.about}")
            lines += (f"    expected: {each}" for each in failure.expected or ("nothing",))
            lines += (f"    got:      {each}" for each in failure.got or ("nothing",))
    return "\n".join(lines)


def firing_json(firing: Firing, until: float) -> dict[str, object]:
    """Return an alert for other programs. Pure."""
    return {
        "rule": firing.rule,
        "severity": firing.severity,
        "labels": dict(firing.labels),
        "summary": firing.summary,
        "value": firing.value,
        "began_at": firing.began_at,
        "fired_at": firing.fired_at,
        "ended_at": firing.ended_at,
        "lasted_s": firing.lasted_s(until),
    }


def firings_table(firings: Sequence[Firing], until: float) -> Table:
    """Return alerts as a table. Pure."""
    from seaway.monitor.page.text import visible  # noqa: PLC0415 - see above
    from seaway.monitor.query.quote import labels_text  # noqa: PLC0415

    found = Table("fired", "for", "rule", "severity", "labels", "value")
    for each in firings:
        lasted = lasting(each.lasted_s(until)) + ("" if each.ended_at is not None else ", goes on")
        # As text: what stands in [] of a label is no style.
        cells = (utc(each.fired_at), lasted, each.rule, each.severity, labels_text(each.labels), f"{each.value:.4g}")
        found.add_row(*(Text(visible(cell, 200)) for cell in cells))
    return found


def rules_table(found: Sequence[Checked]) -> Table:
    """Return rules as a table. Pure."""
    table = Table("rule", "severity", "for", "keep", "can be asked")
    for rule, problem, _ in found:
        cells = (rule.name, rule.severity, lasting(rule.for_s), lasting(rule.keep_s), "no" if problem else "yes")
        table.add_row(*(Text(cell) for cell in cells))
    return table


def lasting(seconds: float) -> str:
    """Return a duration as rules write it, with its two largest units. Pure."""
    rest = round(seconds)
    found = []
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        number, rest = divmod(rest, size)
        if number:
            found.append(f"{number}{unit}")
    return "".join(found[:2]) or "0s"
