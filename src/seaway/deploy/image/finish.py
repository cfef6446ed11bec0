"""Runs inside the image build, with nothing but the standard library: `python finish.py ENVIRONMENT ROOT`.

Trims what no server uses, compiles in a way that does not depend on the time, Python's own library too, writes the bill
of materials, makes the directories of the image, and gives every file the same time: so that the same input makes the
same layers.
"""

from __future__ import annotations

import compileall
import json
import os
import py_compile
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from importlib import metadata
from importlib.util import cache_from_source
from pathlib import Path

SBOM = "usr/share/seaway/sbom.cdx.json"
USER = 10001
EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))

UNUSED = {
    "site-packages",
    "dist-packages",
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "lib2to3",
    "ensurepip",
    "distutils",
    "unittest",
    "pydoc_data",
}
"""What a server imports nothing of, in Python's own library."""
UNSEEN = (
    *(
        f"nicegui/elements/{name}/dist/**/*"
        for name in ("aggrid", "codemirror", "json_editor", "mermaid", "plotly", "scene")
    ),
    *("nicegui/static/sass.dart.js", "apprise/i18n/**/*", "numpy/_core/_simd.*"),
    *("openvino/include/**/*", "openvino/cmake/**/*", "numpy/_core/include/**/*", "numpy/f2py/**/*", "**/*.pyi"),
)
"""Scripts that the monitor's page never uses, messages in other languages, and what only compilers, type checkers and
numpy's own tests read."""

SERVICES = {"s3", "sts", "sso", "sso-oidc", "signin"}
"""What is asked of AWS: objects, and credentials. The descriptions of its other services are larger than Seaway."""


def main(environment: Path, root: Path) -> None:
    """Finish an environment, and the files of the image around it."""
    site = next(environment.glob("lib/python3*/site-packages"))
    bill = bill_of_materials(site)
    trim(site)
    compileall.compile_dir(
        str(environment), quiet=2, force=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    compile_library(Path(sysconfig.get_path("stdlib")), root)
    file = root / SBOM
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(bill, indent=2, sort_keys=True) + "\n")
    for name in ("seaway/cache", "seaway/state", "seaway/reports", "seaway/logs", "seaway/secrets", "seaway/monitor"):
        directory = root / name
        directory.mkdir(parents=True, exist_ok=True)
        os.chown(directory, USER, USER)
    for top in (environment, root):
        for path in (top, *top.rglob("*")):
            os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def compile_library(library: Path, root: Path) -> None:
    """Compile Python's own library into its place below `root`.

    Official images bring it uncompiled, and nothing can be written in a running container: each start of a program, and
    each health check, would compile all that it imports.
    """
    for source in sorted(library.rglob("*.py")):
        if UNUSED & set(source.relative_to(library).parts):
            continue
        target = root / Path(cache_from_source(str(source))).relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(target), str(source), invalidation_mode=mode, quiet=2)


def bill_of_materials(site: Path) -> dict[str, object]:
    """Return the installed packages as CycloneDX.

    Source: CycloneDX 1.5, JSON.
    """
    components = sorted(
        (_component(each) for each in metadata.distributions(path=[str(site)])), key=lambda c: str(c["purl"])
    )
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "components": components}


def trim(site: Path) -> None:
    """Remove what serves nobody, above all of TensorFlow's wheel: workers bind its libraries and nothing else."""
    tensorflow = site / "tensorflow"
    kept = {*tensorflow.glob("libtensorflow_cc.so*"), *tensorflow.glob("libtensorflow_framework.so*")}
    if kept:
        for path in tensorflow.iterdir():
            if path not in kept:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        (tensorflow / "__init__.py").write_text('"""Only the libraries of TensorFlow are in this image."""\n')
    for name in ("intel_gpu_plugin", "intel_npu_plugin", "pytorch_frontend", "paddle_frontend", "gguf_frontend"):
        for path in site.glob(f"openvino/libs/libopenvino_{name}.so*"):
            path.unlink()  # for devices and formats that no server of this image has
    for pattern in UNSEEN:
        for path in [each for each in site.glob(pattern) if each.is_file()]:
            path.unlink()
    for path in site.glob("botocore/data/*"):
        if path.is_dir() and path.name not in SERVICES:
            shutil.rmtree(path)
    for path in site.rglob("tests"):
        if path.is_dir():
            shutil.rmtree(path)
    for path in site.rglob("direct_url.json"):
        path.unlink()  # says where the wheel lay when the image was built


def _component(distribution: metadata.Distribution) -> dict[str, object]:
    name, version = distribution.metadata["Name"], distribution.version
    component: dict[str, object] = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:pypi/{name.lower().replace('_', '-')}@{version}",
    }
    licences = list(_licences(distribution))
    return component | ({"licenses": licences} if licences else {})


def _licences(distribution: metadata.Distribution) -> Iterator[dict[str, dict[str, str]]]:
    text = _field(distribution, "License-Expression") or _field(distribution, "License")
    if text and "\n" not in text:
        yield {"license": {"name": text}}


def _field(distribution: metadata.Distribution, name: str) -> str:
    return next(iter(distribution.metadata.get_all(name) or []), "")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
