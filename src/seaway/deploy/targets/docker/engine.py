"""The Docker engine: its client, made when it is first needed, and its errors in our words."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container

from seaway.errors import FailedPrecondition, Unavailable

_TIMEOUT_S = 120
_UNIX = "unix://"
_DEFAULT_SOCKET = "/var/run/docker.sock"


class Engine:
    """The engine that the environment names, as the `docker` command takes it (`DOCKER_HOST`)."""

    @cached_property
    def client(self) -> docker.DockerClient:
        """The client.

        Raises:  Unavailable - no engine answers.
        """
        try:
            client = docker.from_env(timeout=_TIMEOUT_S)
            client.ping()
        except (DockerException, OSError) as err:
            raise Unavailable(f"no Docker engine answers ({err}); start one, or name it in DOCKER_HOST") from err
        return client

    @property
    def socket(self) -> str:
        """The engine's socket on its own machine, which Traefik is given."""
        host = os.environ.get("DOCKER_HOST", "")
        return host.removeprefix(_UNIX) if host.startswith(_UNIX) else _DEFAULT_SOCKET

    def container(self, name: str) -> Container | None:
        """Return a container by name, None when there is none."""
        with told():
            try:
                return self.client.containers.get(name)
            except NotFound:
                return None

    def require_image(self, image: str) -> None:
        """Make sure that an image is there, fetching it where it is not.

        Raises:  FailedPrecondition - it is not there and cannot be fetched.
        """
        try:
            self.client.images.get(image)
            return
        except ImageNotFound:
            pass
        except DockerException as err:
            raise Unavailable(f"the Docker engine cannot be asked: {err}") from err
        try:
            self.client.images.pull(image)
        except DockerException as err:
            raise FailedPrecondition(
                f"image {image!r} is not there and cannot be fetched: {explanation(err)}; `seaway image build` "
                "makes one"
            ) from err


@contextmanager
def told() -> Iterator[None]:
    """Turn what the engine's client raises into our errors."""
    try:
        yield
    except NotFound as err:
        raise FailedPrecondition(f"the Docker engine has no such thing: {explanation(err)}") from err
    except APIError as err:
        raise FailedPrecondition(f"the Docker engine refused: {explanation(err)}") from err
    except (DockerException, OSError) as err:
        raise Unavailable(f"the Docker engine cannot be asked: {err}") from err


def explanation(err: Exception) -> str:
    """Return the engine's own words."""
    return str(getattr(err, "explanation", None) or err)


def archive(files: Mapping[str, bytes], owner: int, mode: int) -> bytes:
    """Return files as the archive that a container takes. Pure."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.uid, entry.gid = len(content), mode, owner, owner
            tar.addfile(entry, io.BytesIO(content))
    return target.getvalue()
