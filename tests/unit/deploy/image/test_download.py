"""Wheels come by the real pip, from a directory in place of an index."""

from __future__ import annotations

import zipfile
from pathlib import Path

from seaway.deploy.image.download import download


def wheel(directory: Path) -> Path:
    """The least that pip takes for a wheel."""
    file = directory / "nothing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("nothing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: nothing\nVersion: 1.0\n")
        archive.writestr(
            "nothing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("nothing-1.0.dist-info/RECORD", "")
    return file


def test_what_is_there_is_put_into_the_directory_and_what_is_not_is_told(tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "into").mkdir()
    found = wheel(tmp_path / "index")
    options = ["--no-index", "--no-deps", f"--find-links={found.parent}"]
    assert download(["nothing==1.0"], tmp_path / "into", options) == ""
    assert [each.name for each in (tmp_path / "into").iterdir()] == [found.name]
    assert "No matching distribution found for nothing==2.0" in download(["nothing==2.0"], tmp_path / "into", options)
