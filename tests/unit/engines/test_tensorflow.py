"""Finding TensorFlow and operation libraries in installed packages, with made-up packages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from seaway.engines import tensorflow
from seaway.errors import FailedPrecondition, NotFound


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty place for packages, before all others on the path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] in ("tensorflow", "made_up_ops")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def package(packages: Path, name: str, *files: str) -> Path:
    """Make a package with these files, whose import would fail."""
    directory = packages / name
    directory.mkdir()
    for file in ("__init__.py", *files):
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        (directory / file).write_text("raise RuntimeError('imported')" if file.endswith(".py") else "")
    return directory


def test_the_library_is_found_without_importing_the_package(packages: Path) -> None:
    directory = package(packages, "tensorflow", "libtensorflow_cc.so.2")
    assert tensorflow.find().library == directory / "libtensorflow_cc.so.2"


def test_a_library_that_is_named_wins(packages: Path) -> None:
    package(packages, "tensorflow", "libtensorflow_cc.so.2")
    named = packages / "mine.so"
    named.write_bytes(b"")
    assert tensorflow.find(str(named)).library == named


def test_a_named_library_that_is_missing_is_refused_by_name() -> None:
    with pytest.raises(FailedPrecondition, match=r"'/no/such\.so' is not a file"):
        tensorflow.find("/no/such.so")


def test_without_tensorflow_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorflow, "find_spec", lambda _: None)
    with pytest.raises(FailedPrecondition, match=r"pip install .*tensorflow-cpu"):
        tensorflow.find()


@pytest.mark.parametrize("name", ["made_up_ops", "made-up-ops"])
def test_a_packages_operation_libraries_are_all_found(packages: Path, name: str) -> None:
    files = ("python/ops/_one.so", "python/ops/_two.so", "core/pywrap_x.so", "core/_pywrap_y.so", "_z.cpython-311.so")
    directory = package(packages, "made_up_ops", *files)
    ops = directory / "python" / "ops"
    assert tensorflow.custom_op_libraries((name,)) == (ops / "_one.so", ops / "_two.so")


def test_operations_that_are_not_installed_are_named() -> None:
    with pytest.raises(NotFound, match="'no-such-package'"):
        tensorflow.custom_op_libraries(("no-such-package",))
