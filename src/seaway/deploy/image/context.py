"""Puts together what an image is built from: Dockerfile, pinned wheels, Seaway's own wheel, and a model.

Wheels are fetched by this machine's pip for the image's platform and kept in a cache; the build needs no network.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from seaway.deploy.image.download import download
from seaway.deploy.image.variants import Variant
from seaway.deploy.target import Tell
from seaway.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable

_PACKAGE = "seaway.deploy.image"
_MANYLINUX = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014", "manylinux2010")
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
PLATFORMS = tuple(_MACHINES)
_SAVED_MODEL = ("saved_model.pb", "saved_model.pbtxt", "model.onnx", "model.tflite", "model.py")


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built. `model` is a directory of numbered versions, None to leave the models to a mount."""

    variant: Variant
    wheel: Path
    platform: str
    python: str = "3.11"
    model: Path | None = None


def write_context(directory: Path, order: Order, cache: Path, tell: Tell) -> None:
    """Write the context of a build.

    Raises:  NotFound, InvalidArgument - wheel or model are not what they should be; Unavailable - pip fails.
    """
    requirements = requirements_of(order.variant)
    for name in ("Dockerfile", "finish.py"):
        (directory / name).write_text(_resource(name), encoding="utf-8")
    wheels = fetched(requirements, order, cache, tell)
    shutil.copytree(wheels, directory / "wheels")
    if not order.wheel.is_file():
        raise NotFound(f"wheel {order.wheel} does not exist")
    shutil.copy2(order.wheel, directory / "wheels")
    names = sorted(file.name for file in (directory / "wheels").iterdir()) if order.variant.resolves else []
    lines = [f"./wheels/{name}" for name in names] or [*requirements, f"/build/wheels/{order.wheel.name}"]
    (directory / "requirements.txt").write_text("\n".join(lines).replace("./wheels", "/build/wheels") + "\n")
    _copy_model(order.model, directory / "models")


def requirements_of(variant: Variant) -> list[str]:
    """Return the pinned packages of a variant, those of the monitor and of stores in S3 too, without Seaway itself."""
    lines = [
        *_resource("requirements-common.txt").splitlines(),
        *_resource("requirements-monitor.txt").splitlines(),
        *_resource("requirements-s3.txt").splitlines(),
        *_resource(f"requirements-{variant.name}.txt").splitlines(),
    ]
    # What several lists name is the same in all of them.
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def fetched(requirements: Sequence[str], order: Order, cache: Path, tell: Tell) -> Path:
    """Return a directory with the wheels of all requirements, fetched unless they are there.

    Two builds may fetch the same at once: each has a directory of its own, and the first to finish gives it its name.

    Raises:  Unavailable - pip cannot fetch them, and its own words.
    """
    key = hashlib.sha256("\n".join([*requirements, order.platform, order.python]).encode()).hexdigest()[:16]
    directory = cache / f"wheels-{key}"
    if _is_complete(directory):
        return directory / "wheels"
    tell(f"fetching {len(requirements)} packages for {order.platform}; they are kept in {cache}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".wheels-{key}-", dir=cache, ignore_cleanup_errors=True) as made:
        own = Path(made, "whole")
        (own / "wheels").mkdir(parents=True)
        options = [*_platform_options(order), *([] if order.variant.resolves else ["--no-deps"])]
        complaint = download(requirements, own / "wheels", options)
        if complaint:
            raise Unavailable(f"pip could not fetch the packages of the image: {complaint[-2000:]}")
        (own / ".complete").touch()
        if directory.exists() and not _is_complete(directory):
            shutil.rmtree(directory, ignore_errors=True)
        try:
            own.rename(directory)
        except OSError:
            if not _is_complete(directory):
                raise
    return directory / "wheels"


def _is_complete(directory: Path) -> bool:
    return (directory / ".complete").exists()


def machine_of(platform: str) -> str:
    """Return the machine of a platform.

    Raises:  InvalidArgument - images are not made for it.
    """
    if platform not in _MACHINES:
        raise InvalidArgument(f"--platform cannot be {platform!r}; use one of {', '.join(_MACHINES)}")
    return _MACHINES[platform]


def _platform_options(order: Order) -> list[str]:
    machine, digits = machine_of(order.platform), order.python.replace(".", "")
    options = [f"--platform={tag}_{machine}" for tag in _MANYLINUX]
    options += [f"--abi={abi}" for abi in (f"cp{digits}", "abi3", "none")]
    return [*options, f"--python-version={order.python}", "--implementation=cp"]


def _copy_model(model: Path | None, target: Path) -> None:
    target.mkdir()
    if model is None:
        return
    if not model.is_dir():
        raise NotFound(f"--with-model {model} is no directory")
    if any((model / name).exists() for name in _SAVED_MODEL):
        raise InvalidArgument(
            f"--with-model {model} is a version itself; name the directory of the model, which holds it as a number: "
            f"{model.name}/1"
        )
    versions = [each for each in model.iterdir() if each.name.isdecimal() and each.is_dir()]
    if not versions:
        raise FailedPrecondition(f"--with-model {model} holds no version; there has to be {model.name}/1, for instance")
    for version in versions:
        shutil.copytree(version, target / model.name / version.name)


def _resource(name: str) -> str:
    return resources.files(_PACKAGE).joinpath(name).read_text(encoding="utf-8")
