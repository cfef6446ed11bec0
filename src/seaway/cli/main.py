"""The `seaway` command: its verbs, and the one place where their errors become lines and exit codes.

    0    done
    1    it failed while running: no server answered, the server refused, a model or a port was not to be had
    2    it was asked wrongly: an unknown option, a value out of bounds, a settings file with a mistake
    130  interrupted from the keyboard

A mistake of the user is told in one line. `--debug` before the verb shows the traceback of any error.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

import seaway
from seaway.cli.alerts import alerts
from seaway.cli.batching import batching
from seaway.cli.bench import bench
from seaway.cli.dashboards import dashboards
from seaway.cli.deploy.verbs import deployment_verbs
from seaway.cli.engines import engines
from seaway.cli.image import image
from seaway.cli.log import log
from seaway.cli.models import models
from seaway.cli.monitor import monitor
from seaway.cli.operations import operations
from seaway.cli.predict import predict
from seaway.cli.query import query
from seaway.cli.report import report
from seaway.cli.serve import serve_command
from seaway.cli.stub import stub
from seaway.cli.top import top
from seaway.cli.version import diff, inspect, verify
from seaway.errors import InvalidArgument, SeawayError

OK = 0
FAILED = 1
USAGE = 2
INTERRUPTED = 130

_HELP = "Serve TensorFlow models over TensorFlow Serving's own gRPC and REST APIs, deploy and monitor them."
_EPILOG = "Exit codes: 0 done, 1 failed while running, 2 asked wrongly, 130 interrupted."


def application() -> typer.Typer:
    """Return the command with all its verbs."""
    app = typer.Typer(
        name="seaway",
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
    )
    app.callback()(_options)
    app.command("serve")(serve_command())
    app.command("models")(models)
    app.command("engines")(engines)
    app.command("predict")(predict)
    app.command("stub")(stub)
    app.command("inspect")(inspect)
    app.command("verify")(verify)
    app.command("diff")(diff)
    app.command("batching")(batching)
    app.command("bench")(bench)
    app.command("monitor")(monitor)
    app.command("top")(top)
    app.command("query")(query)
    app.command("report")(report)
    app.add_typer(alerts(), name="alerts")
    app.command("dashboards")(dashboards)
    app.add_typer(operations(), name="operations")
    app.add_typer(log(), name="log")
    app.add_typer(image(), name="image")
    for name, verb in deployment_verbs().items():
        app.command(name)(verb)
    return app


def main() -> None:
    """Run the command with the arguments of this process and end the process."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code; whatever goes wrong is told on the standard error stream."""
    debug = "--debug" in _before_verb(arguments)
    try:
        application()(args=list(arguments), prog_name="seaway")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    except SeawayError as err:
        return _failed(err.message, USAGE if isinstance(err, InvalidArgument) else FAILED, debug)
    except OSError as err:
        return _failed(str(err), FAILED, debug)
    except Exception as err:  # the last place that can turn a defect into a line
        return _failed(f"internal error: {err!r}; `seaway --debug …` shows where", FAILED, debug)
    return OK


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"seaway {seaway.__version__}")
        raise typer.Exit(OK)


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    del version, debug  # the first ends the command while it is parsed, the second is read by `run`


def _before_verb(arguments: Sequence[str]) -> list[str]:
    before: list[str] = []
    for argument in arguments:
        if not argument.startswith("-"):
            break
        before.append(argument)
    return before


def _failed(message: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"seaway: {message}", file=sys.stderr)
    return code
