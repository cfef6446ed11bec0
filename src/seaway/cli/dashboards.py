"""`seaway dashboards`: write Grafana's dashboards and Prometheus' rules, as the catalogue of metrics has them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seaway.cli.recorded import monitor_imports


def dashboards(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the files go; it is made if need be.")],
) -> None:
    """Write dashboards for Grafana and recording and alert rules for Prometheus."""
    with monitor_imports():
        from seaway.monitor.generated.write import write  # noqa: PLC0415 - its packages may not be installed
    for path in write(directory):
        typer.echo(str(path))
