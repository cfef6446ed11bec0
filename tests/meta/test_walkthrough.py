"""What follows the pages of the documentation takes them as they are meant."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.walkthrough import Block, Command, Walk, blocks, commands, matches

PAGE = """\
# A page

```python hello.py
print("hello", 3 * 7)
```

```console
$ python3 hello.py
hello 21
$ echo one; \\
> echo two
one
...
```

```text
only to be read
```
"""


def test_blocks_of_a_page() -> None:
    assert blocks(PAGE) == (
        Block("python", "hello.py", 'print("hello", 3 * 7)\n', 3),
        Block("console", "", "$ python3 hello.py\nhello 21\n$ echo one; \\\n> echo two\none\n...\n", 7),
        Block("text", "", "only to be read\n", 16),
    )


def test_commands_of_a_block() -> None:
    assert commands("$ a \\\n> b\nc\n> d\n$ e\n") == (Command("a \\\nb", "c\n> d"), Command("e", ""))


@pytest.mark.parametrize(
    ("expected", "printed", "is_it"),
    [
        pytest.param("a\nb", "a\nb\n", True, id="the-same"),
        pytest.param("a\nb", "a  \nb", True, id="blanks-at-the-end-of-a-line"),
        pytest.param("a", "a\nb", False, id="more-than-shown"),
        pytest.param("", "a", False, id="something-instead-of-nothing"),
        pytest.param("a ... c", "a 1 b\n2 c", True, id="anything"),
        pytest.param("a.c", "abc", False, id="no-pattern"),
        pytest.param("...", "", True, id="anything-or-nothing"),
    ],
)
def test_what_counts_as_shown(expected: str, printed: str, is_it: bool) -> None:
    assert matches(expected, printed) is is_it


def test_a_page_that_says_the_truth_is_followed_to_its_end(tmp_path: Path) -> None:
    walk = Walk(tmp_path, os.environ)
    assert list(walk.follow(PAGE)) == [
        "line 3: file hello.py",
        "line 7: python3 hello.py",
        "line 7: echo one; \\\necho two",
    ]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        pytest.param("```console\n$ echo 2\n3\n```\n", "it printed:\n2", id="another-answer"),
        pytest.param("```console\n$ echo 2; false\n2\n```\n", "ended with 1", id="a-failure"),
        pytest.param("```console\n$ false | true\n```\n", "ended with 1", id="a-failure-in-a-pipe"),
    ],
)
def test_a_page_that_does_not_is_told_where(tmp_path: Path, page: str, said: str) -> None:
    with pytest.raises(AssertionError, match="line 1") as failure:
        list(Walk(tmp_path, os.environ).follow(page))
    assert said in str(failure.value)


def test_what_is_to_be_repeated_is_until_it_prints_what_the_page_shows(tmp_path: Path) -> None:
    page = "```console repeat\n$ echo -n x | tee -a tries; cat tries\nxxxx\n```\n"
    assert list(Walk(tmp_path, os.environ).follow(page)) == ["line 1: echo -n x | tee -a tries; cat tries"]
    assert (tmp_path / "tries").read_text() == "xxx"


def test_a_terminal_runs_until_the_end(tmp_path: Path) -> None:
    page = "```console server\n$ python3 -u -c 'import time; print(\"up\"); time.sleep(600)'\nup\n```\n"
    walk = Walk(tmp_path, os.environ)
    assert len(list(walk.follow(page))) == 1
    walk.close()
