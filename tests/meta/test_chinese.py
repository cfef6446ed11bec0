"""The Chinese pages say the same as the English ones: the same headings in their order, the same blocks of code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.walkthrough import blocks

ROOT = Path(__file__).parents[2]
PAGES = [
    pytest.param("README.md", "README.zh-CN.md", id="readme"),
    pytest.param("docs/tutorial.md", "docs/zh/tutorial.md", id="tutorial"),
]
_HEADING = re.compile(r"^(#+) (.*)$")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
_NAMES = {"Seaway"}
"""Headings that are the same in both languages."""


def text_lines(page: str) -> list[str]:
    """The lines outside of blocks of code."""
    found, is_code = [], False
    for line in page.splitlines():
        if line.startswith("```"):
            is_code = not is_code
        elif not is_code:
            found.append(line)
    return found


def levels(page: str) -> list[str]:
    """The marks of the headings, in order."""
    return [found[1] for line in text_lines(page) if (found := _HEADING.match(line))]


@pytest.mark.parametrize(("english", "chinese"), PAGES)
def test_both_have_the_same_headings(english: str, chinese: str) -> None:
    assert levels((ROOT / chinese).read_text()) == levels((ROOT / english).read_text())


@pytest.mark.parametrize(("english", "chinese"), PAGES)
def test_both_have_the_same_code(english: str, chinese: str) -> None:
    pairs = [
        [(each.language, each.name, each.text) for each in blocks((ROOT / page).read_text())]
        for page in (english, chinese)
    ]
    assert pairs[0] == pairs[1]


@pytest.mark.parametrize(("english", "chinese"), PAGES)
def test_every_heading_is_translated(english: str, chinese: str) -> None:
    headings = [found[2] for line in text_lines((ROOT / chinese).read_text()) if (found := _HEADING.match(line))]
    assert [each for each in headings if not _HAN.search(each) and each not in _NAMES] == []


@pytest.mark.parametrize(("english", "chinese"), PAGES)
def test_links_of_both_lead_somewhere(english: str, chinese: str) -> None:
    for page in (english, chinese):
        path = ROOT / page
        targets = _LINK.findall("\n".join(text_lines(path.read_text())))
        assert targets, f"{page} has no link that leads into the repository"
        for target in targets:
            assert (path.parent / target).exists(), f"{page}: {target}"
