"""Makes and removes containers, and puts secret files where they find them. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from docker.errors import APIError, NotFound
from docker.models.containers import Container

from seaway.deploy.targets.containers import PROJECT_LABEL, SECRETS
from seaway.deploy.targets.docker.engine import Engine, explanation
from seaway.errors import FailedPrecondition


def run(engine: Engine, settings: Mapping[str, object]) -> None:
    """Run a container of such settings.

    Raises:  FailedPrecondition - the engine cannot start it, and its own words.
    """
    try:
        engine.client.containers.run(detach=True, **settings)  # type: ignore[call-overload]
    except APIError as err:
        name = str(settings["name"])
        # A container that could not start is left behind by the engine.
        remove(engine.container(name))
        raise FailedPrecondition(f"{name} cannot be started: {explanation(err)}") from err


def remove(container: Container | None) -> None:
    """Remove a container; nothing happens when it is gone."""
    if container is None:
        return
    try:
        container.remove(force=True)
    except NotFound:
        return


def write_secrets(engine: Engine, project: str, image: str, volume: str, files: bytes) -> None:
    """Put an archive of files into a volume of secrets, by a container that is never started."""
    volumes = {volume: {"bind": SECRETS, "mode": "rw"}}
    helper = engine.client.containers.create(image, volumes=volumes, labels={PROJECT_LABEL: project})
    try:
        helper.put_archive(SECRETS, files)
    finally:
        helper.remove()


def remove_volume(engine: Engine, name: str) -> None:
    """Remove a volume; nothing happens when there is none."""
    try:
        engine.client.volumes.get(name).remove()
    except NotFound:
        return
