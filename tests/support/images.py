"""Images of Seaway for tests: built once for an engine, as a user builds them."""

from __future__ import annotations

import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import docker

from seaway.deploy.image.build import build
from seaway.deploy.image.context import Order
from seaway.deploy.image.order import ordered
from tests.models.cache import alone
from tests.support.engine import BASE_IMAGE, Engine
from tests.support.namespaces import machines_network

CHECKOUT = Path(__file__).parents[2]
SEAWAY = "seaway-test:1"
SEAWAY_NEXT = "seaway-test:2"
BROKEN = "seaway-test:broken"
_PLATFORMS = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}


def add_seaway(engine: Engine, variant: str = "openvino", tag: str = SEAWAY, model: Path | None = None) -> None:
    """Build the image of a server, unless the engine has it."""
    if engine.client.images.list(tag):
        return
    engine.add_base()
    with as_ordered(variant, model) as order:
        build(engine.client, order, tag, BASE_IMAGE, print)


@contextmanager
def as_ordered(variant: str, model: Path | None) -> Iterator[Order]:
    """What to build: the wheel is this checkout's, compiled as the tests are, which have compiled it already."""
    with tempfile.TemporaryDirectory(prefix="seaway-test-wheel-") as directory:
        # Without symbols it is as large as a release's.
        features = "pyo3/extension-module,as-in-tests"
        maturin = [str(Path(sys.executable).with_name("maturin")), "build", "--features", features]
        command = [*maturin, "--strip", "--quiet", "--out", directory]
        # It keeps what it links at one place below target/, whoever asks.
        with alone(CHECKOUT / ".cache" / "wheel"):
            ran = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        (wheel,) = Path(directory).glob("seaway-*.whl")
        with machines_network(), ordered(variant, wheel, _PLATFORMS[platform.machine()], model, print) as order:
            yield order


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
