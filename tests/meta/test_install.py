"""No page and no message tells to install Seaway from a package index, which lacks it; README announces that line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FROM_AN_INDEX = re.compile(r"pip install\b[^`\n]*[\s'\"]seaway(?![\w/.-])")
"""Seaway by its name: neither a path (`../seaway`, `dist/seaway-0.1.0...whl`) nor the name of another file."""
ANNOUNCED = {"README.md": 1, "README.zh-CN.md": 1}
PLACES = ("*.md", "docs/**/*.md", "src/**/*.py", "src/**/Dockerfile", "examples/**/*")


def test_nothing_is_said_to_be_on_a_package_index() -> None:
    files = sorted({path for place in PLACES for path in ROOT.glob(place) if path.is_file() and path.suffix != ".pyc"})
    found = {str(path.relative_to(ROOT)): len(FROM_AN_INDEX.findall(path.read_text())) for path in files}
    assert {name: number for name, number in found.items() if number} == ANNOUNCED


@pytest.mark.parametrize(
    ("line", "is_from_an_index"),
    [
        pytest.param("pip install 'seaway[onnx]'", True, id="an-extra"),
        pytest.param('pip install "seaway[onnx]"', True, id="in-double-quotes"),
        pytest.param("pip install seaway tensorflow", True, id="without-extra"),
        pytest.param("pip install --upgrade seaway", True, id="after-an-option"),
        pytest.param("pip install seaway==0.1.0", True, id="a-version"),
        pytest.param("pip install '.[onnx]'", False, id="the-checkout"),
        pytest.param("pip install '../seaway[onnx]'", False, id="a-checkout-elsewhere"),
        pytest.param('pip install "$(ls dist/*.whl)[onnx]"', False, id="a-wheel"),
        pytest.param("pip install dist/seaway-0.1.0-cp310-abi3-linux_x86_64.whl", False, id="a-wheel-by-its-name"),
    ],
)
def test_what_counts_as_an_installation_from_an_index(line: str, is_from_an_index: bool) -> None:
    assert bool(FROM_AN_INDEX.search(line)) is is_from_an_index
