"""Has a Docker engine build the image, makes it reproducible, and takes out its bill of materials."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, BuildError, DockerException, ImageNotFound

import seaway
from seaway.deploy.image.context import Order, machine_of, write_context
from seaway.deploy.image.finish import SBOM
from seaway.deploy.image.reproducible import rewrite, unpack
from seaway.deploy.target import Tell
from seaway.errors import FailedPrecondition, Unavailable

_TIMEOUT_S = 1800


@dataclass(frozen=True, slots=True)
class Built:
    """An image. `bytes` is its size in the engine."""

    tag: str
    digest: str
    bytes: int


def engine() -> docker.DockerClient:
    """Return the engine that the environment names, as the `docker` command takes it (`DOCKER_HOST`).

    Raises:  Unavailable - none answers.
    """
    try:
        return docker.from_env(timeout=_TIMEOUT_S)
    except DockerException as err:
        raise Unavailable(f"no Docker engine answers ({err}); start one, or name it in DOCKER_HOST") from err


def build(client: docker.DockerClient, order: Order, tag: str, base: str, tell: Tell) -> Built:
    """Build an image and return it.

    Raises:  FailedPrecondition - a step of the build failed; what `write_context` raises.
    """
    machine_of(order.platform)
    cache = Path.home() / ".cache" / "seaway" / "images"
    with tempfile.TemporaryDirectory(prefix="seaway-image-") as scratch:
        directory = Path(scratch)
        write_context(directory, order, cache, tell)
        tell(f"building {tag} from {base}")
        _run(client, directory, order, (tag, base), tell)
    digest = _normalised(client, tag, base, tell)
    return Built(tag, digest, client.images.get(tag).attrs["Size"])


def bill_of_materials(client: docker.DockerClient, tag: str) -> bytes:
    """Return the bill of materials that lies in an image."""
    container = client.containers.create(tag)
    try:
        chunks, _ = container.get_archive(f"/{SBOM}")
        with tarfile.open(fileobj=BytesIO(b"".join(chunks))) as tar:
            file = tar.extractfile(Path(SBOM).name)
            assert file is not None, "it is a file"
            return file.read()
    finally:
        container.remove()


def _run(client: docker.DockerClient, directory: Path, order: Order, names: tuple[str, str], tell: Tell) -> None:
    tag, base = names
    arguments = {
        "BASE": base,
        "VERSION": seaway.__version__,
        "VARIANT": order.variant.name,
        "ENGINE": order.variant.engine,
    }
    try:
        steps: Iterator[dict[str, Any]] = client.api.build(
            path=str(directory),
            tag=tag,
            buildargs=arguments,
            platform=order.platform,
            rm=True,
            forcerm=True,
            decode=True,
            nocache=True,
        )
        for step in steps:
            if "error" in step:
                raise FailedPrecondition(f"the image cannot be built: {step['error'].strip()}")
            if text := step.get("stream", "").strip():
                tell(text.splitlines()[0][:160])
    except (BuildError, APIError) as err:
        raise FailedPrecondition(f"the image cannot be built: {err}") from err


def _normalised(client: docker.DockerClient, tag: str, base: str, tell: Tell) -> str:
    """Put the reproducible image in the place of the one that was built."""
    tell("writing its layers without times, so that the same content has the same digest")
    try:
        base_layers = len(client.images.get(base).attrs["RootFS"]["Layers"])
    except ImageNotFound as err:
        raise FailedPrecondition(f"base image {base} is not there any more") from err
    with tempfile.TemporaryDirectory(prefix="seaway-image-") as scratch, tempfile.TemporaryFile() as archive:
        with tempfile.TemporaryFile() as saved:
            for chunk in client.images.get(tag).save(named=True):
                saved.write(chunk)
            saved.seek(0)
            found = unpack(saved, Path(scratch))
        before = client.images.get(tag).id
        digest = rewrite(found, base_layers, tag, archive)
        if digest == before:
            return digest
        archive.seek(0)
        client.images.load(archive)
        client.images.remove(str(before))
    return digest
