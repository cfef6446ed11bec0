"""What goes into an image, and what makes it reproducible."""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from seaway.cli.container import command
from seaway.deploy.image.context import Order, fetched, requirements_of, write_context
from seaway.deploy.image.finish import bill_of_materials, compile_library, trim
from seaway.deploy.image.reproducible import rewrite, unpack
from seaway.deploy.image.variants import VARIANTS, variant_of
from seaway.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable


def test_the_entry_point_is_tensorflow_servings() -> None:
    environment = {"MODEL_NAME": "mnist", "MODEL_BASE_PATH": "/m"}
    assert command(["--enable_batching"], environment) == (
        "tensorflow_model_server",
        [
            "--port=8500",
            "--rest_api_port=8501",
            "--model_name=mnist",
            "--model_base_path=/m/mnist",
            "--enable_batching",
        ],
    )
    assert command([], {"SEAWAY_FOLLOW": "/state"}) == ("seaway", ["serve"])


def test_every_variant_has_pinned_packages() -> None:
    for variant in VARIANTS.values():
        assert all("==" in line for line in requirements_of(variant)), variant.name
    with pytest.raises(InvalidArgument, match="--variant cannot be 'small'; use one of tensorflow, openvino"):
        variant_of("small")


def test_pythons_library_is_compiled_where_it_lies_and_never_checked_again(tmp_path: Path) -> None:
    library, root = tmp_path / "lib" / "python", tmp_path / "root"
    for name in ("one.py", "pack/two.py", "site-packages/three.py", "pack/test/four.py"):
        file = library / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n")
    (library / "broken.py").write_text("x = (\n")
    compile_library(library, root)
    below = root / library.relative_to("/")
    found = sorted(below.rglob("*.pyc"))
    tag = sys.implementation.cache_tag
    assert found == [below / f"__pycache__/one.{tag}.pyc", below / f"pack/__pycache__/two.{tag}.pyc"]
    # Source: PEP 552, a pyc by hash that is not held against its source.
    assert {file.read_bytes()[4:8] for file in found} == {b"\x01\0\0\0"}


@pytest.fixture
def order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    """An order whose packages need not be fetched."""
    wheels = tmp_path / "fetched"
    wheels.mkdir()
    (wheels / "numpy-2.4.6-x.whl").write_bytes(b"")
    monkeypatch.setattr("seaway.deploy.image.context.fetched", lambda *_: wheels)
    wheel = tmp_path / "seaway-1-x.whl"
    wheel.write_bytes(b"")
    return Order(variant_of("openvino"), wheel, "linux/amd64")


def test_two_builds_that_fetch_at_once_both_have_all_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, told = tmp_path / "cache", list[str]()
    order = Order(variant_of("openvino"), tmp_path / "seaway.whl", "linux/amd64")
    meanwhile = [lambda: fetched(["nothing==1.0"], order, cache, told.append)]

    def download(requirements: Sequence[str], directory: Path, options: Sequence[str]) -> str:
        while meanwhile:
            meanwhile.pop()()
        (directory / "nothing.whl").write_bytes(b"")
        return ""

    monkeypatch.setattr("seaway.deploy.image.context.download", download)
    for _ in range(2):
        found = fetched(["nothing==1.0"], order, cache, told.append)
        assert [each.name for each in found.iterdir()] == ["nothing.whl"]
    assert len(told) == 2
    assert [each.name for each in cache.iterdir()] == [found.parent.name]


def test_what_pip_could_not_fetch_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seaway.deploy.image.context.download", lambda *_: "no network")
    order = Order(variant_of("openvino"), tmp_path / "seaway.whl", "linux/amd64")
    with pytest.raises(Unavailable, match="no network"):
        fetched(["nothing==1.0"], order, tmp_path / "cache", print)
    assert list((tmp_path / "cache").iterdir()) == []


def with_model(order: Order, model: Path) -> Order:
    return Order(order.variant, order.wheel, order.platform, model=model)


def test_a_context_holds_all_that_a_build_needs(order: Order, tmp_path: Path) -> None:
    (tmp_path / "mnist" / "7").mkdir(parents=True)
    (tmp_path / "mnist" / "7" / "saved_model.pb").write_bytes(b"")
    (tmp_path / "mnist" / "notes").mkdir()
    context = tmp_path / "context"
    context.mkdir()
    write_context(context, with_model(order, tmp_path / "mnist"), tmp_path, print)
    files = sorted(str(path.relative_to(context)) for path in context.rglob("*") if path.is_file())
    assert files == [
        "Dockerfile",
        "finish.py",
        "models/mnist/7/saved_model.pb",
        "requirements.txt",
        "wheels/numpy-2.4.6-x.whl",
        "wheels/seaway-1-x.whl",
    ]
    assert (context / "requirements.txt").read_text().splitlines()[-1] == "/build/wheels/seaway-1-x.whl"


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        pytest.param((), NotFound, "is no directory", id="nothing"),
        pytest.param(("mnist/saved_model.pb",), InvalidArgument, "is a version itself; .* mnist/1", id="a-version"),
        pytest.param(("mnist/readme",), FailedPrecondition, "holds no version", id="no-version"),
    ],
)
def test_a_model_that_is_none_is_refused(
    order: Order, tmp_path: Path, made: tuple[str, ...], error: type[Exception], message: str
) -> None:
    for name in made:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    context = tmp_path / "context"
    context.mkdir()
    with pytest.raises(error, match=message):
        write_context(context, with_model(order, tmp_path / "mnist"), tmp_path, print)


def test_of_tensorflows_wheel_only_the_libraries_stay(tmp_path: Path) -> None:
    package = tmp_path / "tensorflow"
    (package / "python").mkdir(parents=True)
    for name in ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2", "other.so", "__init__.py"):
        (package / name).write_bytes(b"x")
    trim(tmp_path)
    assert sorted(path.name for path in package.iterdir()) == [
        "__init__.py",
        "libtensorflow_cc.so.2",
        "libtensorflow_framework.so.2",
    ]


def test_of_awss_services_only_objects_and_credentials_stay(tmp_path: Path) -> None:
    for name in ("s3", "sts", "ec2", "sagemaker"):
        (tmp_path / "botocore" / "data" / name).mkdir(parents=True)
    (tmp_path / "botocore" / "data" / "endpoints.json").write_text("{}")
    trim(tmp_path)
    assert sorted(path.name for path in (tmp_path / "botocore" / "data").iterdir()) == ["endpoints.json", "s3", "sts"]


def test_scripts_that_the_page_never_shows_are_left_out_and_the_others_stay(tmp_path: Path) -> None:
    for name in ("nicegui/elements/plotly/dist/index.js", "nicegui/elements/echart/dist/index.js", "apprise/i18n/a/b"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"x")
    trim(tmp_path)
    assert [path.name for path in sorted(tmp_path.rglob("*")) if path.is_file()] == ["index.js"]
    assert (tmp_path / "nicegui/elements/plotly/dist").is_dir(), "the element is still imported"


def test_a_bill_of_materials_names_every_package(tmp_path: Path) -> None:
    info = tmp_path / "some_package-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Some_Package\nVersion: 1.2\nLicense: MIT\n")
    (component,) = bill_of_materials(tmp_path)["components"]  # type: ignore[misc]
    assert component == {
        "type": "library",
        "name": "Some_Package",
        "version": "1.2",
        "purl": "pkg:pypi/some-package@1.2",
        "licenses": [{"license": {"name": "MIT"}}],
    }


def saved(directory: Path, time: int, hostname: str, names: tuple[str, ...]) -> io.BytesIO:
    """An archive as an engine saves it: a base layer and one above, with the times of its build."""
    layers = {}
    for number, files in enumerate((("base",), names)):
        target = io.BytesIO()
        with tarfile.open(fileobj=target, mode="w") as tar:
            for name in files:
                entry = tarfile.TarInfo(name)
                entry.size, entry.mtime = 1, time if number else 5
                tar.addfile(entry, io.BytesIO(b"x"))
        layers[f"{number}/layer.tar"] = target.getvalue()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "created": f"2026-01-01T00:00:0{time}Z",
        "container": hostname,
        "config": {"Hostname": hostname, "User": "10001"},
        "history": [{"created": f"{time}", "created_by": "COPY"}],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:base", f"sha256:{time}"]},
    }
    manifest = [{"Config": "c.json", "RepoTags": ["a:1"], "Layers": list(layers)}]
    parts = {"manifest.json": json.dumps(manifest).encode(), "c.json": json.dumps(config).encode(), **layers}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in parts.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    archive.seek(0)
    return archive


def test_the_same_files_have_the_same_digest_whenever_they_are_built(tmp_path: Path) -> None:
    digests, archives = [], []
    for number, (time, host, names) in enumerate([(1, "a", ("x", "y")), (2, "b", ("y", "x"))]):
        (tmp_path / str(number)).mkdir()
        found = unpack(saved(tmp_path, time, host, names), tmp_path / str(number))
        target = io.BytesIO()
        digests.append(rewrite(found, 1, "a:1", target))
        archives.append(target)
    assert digests[0] == digests[1]
    archives[0].seek(0)
    (tmp_path / "again").mkdir()
    again = unpack(archives[0], tmp_path / "again")
    assert again.config["rootfs"]["diff_ids"][0] == "sha256:base", "layers of the base image are another image's"
    assert again.config["config"] == {"User": "10001"}
    (tmp_path / "other").mkdir()
    other = unpack(saved(tmp_path, 1, "a", ("x", "z")), tmp_path / "other")
    assert rewrite(other, 1, "a:1", io.BytesIO()) != digests[0]
