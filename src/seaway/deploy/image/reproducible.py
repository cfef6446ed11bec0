"""Makes an image depend on its content alone: the same files and settings have the same digest at any time.

Builders stamp layers and settings with the time of the build. Here the layers above the base image are written again
with one time for everything, their entries in the order of their names, and the settings say the same time. What this
needs is the archive that every engine saves and loads.

Source: the image specification of Docker (`docker save`), and that of the OCI for the settings.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

EPOCH_TEXT = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Saved:
    """An archive as an engine saved it, unpacked."""

    directory: Path
    manifest: dict[str, Any]
    config: dict[str, Any]


def unpack(archive: IO[bytes], directory: Path) -> Saved:
    """Unpack the archive of one image."""
    with tarfile.open(fileobj=archive, mode="r|*") as tar:
        tar.extractall(directory, filter="data")
    (manifest,) = json.loads((directory / "manifest.json").read_text())
    config = json.loads((directory / manifest["Config"]).read_text())
    return Saved(directory, manifest, config)


def rewrite(saved: Saved, base_layers: int, tag: str, target: IO[bytes]) -> str:
    """Write the archive of the same image without times; return the digest of the new image (its id).

    `base_layers` are left as they are: they belong to another image.
    """
    layers = [saved.directory / name for name in saved.manifest["Layers"]]
    digests = list(saved.config["rootfs"]["diff_ids"])
    written: list[Path] = []
    with tempfile.TemporaryDirectory() as scratch:
        for number, layer in enumerate(layers):
            if number >= base_layers:
                layer = _normal_layer(layer, Path(scratch) / f"{number}.tar")  # noqa: PLW2901 - the same layer, rewritten
                digests[number] = f"sha256:{_digest(layer)}"
            written.append(layer)
        config = json.dumps(_normal_config(saved.config, digests), sort_keys=True, separators=(",", ":")).encode()
        digest = hashlib.sha256(config).hexdigest()
        names = [f"{number}/layer.tar" for number in range(len(written))]
        manifest = [{"Config": f"{digest}.json", "RepoTags": [tag], "Layers": names}]
        with tarfile.open(fileobj=target, mode="w") as tar:
            _add(tar, "manifest.json", json.dumps(manifest).encode())
            _add(tar, f"{digest}.json", config)
            for name, layer in zip(names, written, strict=True):
                tar.add(layer, arcname=name)
    return f"sha256:{digest}"


def _normal_layer(layer: Path, target: Path) -> Path:
    with tarfile.open(layer, mode="r:") as source, tarfile.open(target, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in sorted(source.getmembers(), key=lambda each: each.name):
            entry.mtime = 0
            entry.uname = entry.gname = ""
            entry.pax_headers = {}
            tar.addfile(entry, source.extractfile(entry) if entry.isreg() else None)
    return target


def _normal_config(config: dict[str, Any], digests: list[str]) -> dict[str, Any]:
    """Return the settings without what names the builder or the time of the build. Pure."""
    kept = {"architecture", "os", "variant", "config"}
    settings = {key: value for key, value in config["config"].items() if key not in {"Hostname", "Domainname", "Image"}}
    history = [{**entry, "created": EPOCH_TEXT} for entry in config.get("history", [])]
    return {
        **{key: value for key, value in config.items() if key in kept},
        "config": settings,
        "created": EPOCH_TEXT,
        "history": history,
        "rootfs": {"type": "layers", "diff_ids": digests},
    }


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _read(opened)


def _read(opened: IO[bytes]) -> str:
    found = hashlib.sha256()
    while block := opened.read(1 << 20):
        found.update(block)
    return found.hexdigest()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))
