"""Images of Seaway for tests: built once for an engine, as a user builds them."""

from __future__ import annotations

import platform
from io import BytesIO
from pathlib import Path

import docker

from seaway.deploy.image.build import build
from seaway.deploy.image.order import ordered
from tests.support.engine import BASE_IMAGE, Engine

SEAWAY = "seaway-test:1"
SEAWAY_NEXT = "seaway-test:2"
BROKEN = "seaway-test:broken"
_PLATFORMS = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}


def add_seaway(engine: Engine, variant: str = "tensorflow", tag: str = SEAWAY, model: Path | None = None) -> None:
    """Build the image of a server, unless the engine has it."""
    if engine.client.images.list(tag):
        return
    engine.add_base()
    with ordered(variant, None, _PLATFORMS[platform.machine()], model, print) as order:
        build(engine.client, order, tag, BASE_IMAGE, print)


def add_others(engine: Engine) -> None:
    """Make an image that is another one and does the same, and one that ends at once."""
    derived(engine.client, f"FROM {SEAWAY}\nLABEL test.next=yes\n", SEAWAY_NEXT)
    broken = (
        f'FROM {SEAWAY}\nENTRYPOINT ["/opt/seaway/bin/python", "-c", "raise SystemExit(\'this image is broken\')"]\n'
    )
    derived(engine.client, broken, BROKEN)


def derived(client: docker.DockerClient, dockerfile: str, tag: str) -> None:
    """Build an image that needs no files."""
    client.images.build(fileobj=BytesIO(dockerfile.encode()), tag=tag, rm=True)
