"""Target `process`: replicas as processes of this machine, kept alive by supervisord, behind Traefik.

Both are ordinary programs that come as Python packages: no engine, no service and no rights are needed.
"""

from __future__ import annotations

from seaway.deploy.reconcile import reconcile, teardown
from seaway.deploy.site import Place, Site
from seaway.deploy.state import StateDirectory
from seaway.deploy.targets.process.keeper import Keeper
from seaway.deploy.targets.process.layout import Layout
from seaway.deploy.targets.process.monitor import MonitorProgram
from seaway.deploy.targets.process.target import ProcessTarget


def site(place: Place) -> Site:
    """Return the site of a description whose target is `process`."""
    state = StateDirectory(place.state)
    layout = Layout(place.description.project, place.state)
    variables = place.source.variables if place.source is not None else {}
    monitors = MonitorProgram(layout, Keeper(layout), place.secrets, variables, place.clock)
    target = ProcessTarget(layout, state, place.secrets, place.clock, monitors)
    return Site(target, state, reconcile, teardown)
