"""Running `tensorflow_model_server`: parse, start, and end as TensorFlow Serving does.

Usage and the reason of a failed start go to the standard output and the exit code is 255 (its -1), because scripts and
operators look for exactly that. An argument that is no flag is shown with the usage, and the server starts all the
same.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

import seaway
from seaway.cli.serve import start
from seaway.cli.tensorflow_model_server.mapping import to_settings
from seaway.cli.tensorflow_model_server.parse import ParsedFlags, parse_flags, usage
from seaway.errors import SeawayError
from seaway.settings.cores import usable_cores
from seaway.settings.effective import load
from seaway.settings.logging import set_up
from seaway.settings.server import ServerSettings

PROGRAM = "tensorflow_model_server"
OK = 0
FAILED = 255
_LIBRARIES = ("tensorflow", "tensorflow-cpu")
_LOG = logging.getLogger("seaway.cli")


def main() -> None:
    """Run the server with the arguments of this process and end the process."""
    sys.exit(run(sys.argv[1:], os.environ))


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the server until it ends and return the exit code of the process."""
    flags = parse_flags(arguments)
    if flags.wants_usage_only:
        for complaint in flags.complaints:
            print(complaint, file=sys.stderr)
        print(usage(PROGRAM, usable_cores()), end="")
        return FAILED
    if flags.value("version"):
        print(f"TensorFlow ModelServer: {seaway.__version__} (Seaway)\nTensorFlow Library: {library_version()}")
        return OK
    if flags.unknown:
        print(f"unknown argument: {flags.unknown[0]}\n{usage(PROGRAM, usable_cores())}", end="")
    sys.stdout.flush()
    return _serve(flags, environment)


def library_version() -> str:
    """Return the version of the installed TensorFlow, without loading it."""
    for package in _LIBRARIES:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "not installed"


def _serve(flags: ParsedFlags, environment: Mapping[str, str]) -> int:
    try:
        return start(_settings(flags, environment))
    except SeawayError as err:
        return _not_started(f"{err.name}: {err.message}")
    except OSError as err:
        return _not_started(f"UNAVAILABLE: {err}")


def _settings(flags: ParsedFlags, environment: Mapping[str, str]) -> ServerSettings:
    base = load({}, environment)
    settings, warnings = to_settings(flags, base)
    set_up(settings.logging, sys.stderr)
    for warning in (*base.warnings, *warnings):
        _LOG.warning(warning)
    return settings


def _not_started(status: str) -> int:
    print(f"Failed to start server. Error: {status}")
    return FAILED
