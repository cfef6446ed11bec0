"""Which target a description names; each is imported when it is asked for, so nobody needs a client in vain."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from seaway import extras
from seaway.deploy.site import Place, Site
from seaway.errors import FailedPrecondition


def site_at(place: Place) -> Site:
    """Return the site that a description names.

    Raises:  FailedPrecondition - the packages of that target are not installed.
    """
    name = place.description.target
    try:
        return _MAKERS[name](place)
    except ModuleNotFoundError as err:
        extra = "kubernetes" if name == "kubernetes" else "deploy"
        raise FailedPrecondition(
            f"target {name} needs the package {err.name!r}; install what deploying needs: {extras.command(extra)}"
        ) from err


def _process(place: Place) -> Site:
    from seaway.deploy.targets.process import site  # noqa: PLC0415 - only who uses it needs its packages

    return site(place)


def _docker(place: Place) -> Site:
    from seaway.deploy.targets.docker import site  # noqa: PLC0415

    return site(place)


def _swarm(place: Place) -> Site:
    from seaway.deploy.targets.swarm import site  # noqa: PLC0415

    return site(place)


def _kubernetes(place: Place) -> Site:
    from seaway.deploy.targets.kubernetes import site  # noqa: PLC0415

    return site(place)


_MAKERS: Mapping[str, Callable[[Place], Site]] = {
    "process": _process,
    "docker": _docker,
    "swarm": _swarm,
    "kubernetes": _kubernetes,
}
