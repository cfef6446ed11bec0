"""Bearer tokens from a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.serving.tokens import TokensFile, read_tokens, tokens_json
from seaway.settings.secret import Secret


def test_one_token_a_line_without_comments(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("# the app\n one \n\ntwo\n")
    assert tokens_json(read_tokens(str(file))) == '["one", "two"]'
    assert "one" not in repr(read_tokens(str(file)))


def test_a_file_without_tokens_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("# none\n")
    with pytest.raises(InvalidArgument, match="holds no token; write one a line"):
        read_tokens(str(tmp_path / "tokens"))
    with pytest.raises(InvalidArgument, match="cannot be read"):
        read_tokens(str(tmp_path / "nowhere"))


def test_a_changed_file_is_given_and_a_broken_one_is_not(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "tokens"
    file.write_text("one\n")
    given: list[str] = []
    watched = TokensFile(str(file), (Secret("one"),), given.append)
    watched.look()
    assert given == []
    file.write_text("two\n")
    watched.look()
    watched.look()
    assert given == ['["two"]']
    file.write_text("")
    watched.look()
    watched.look()
    assert given == ['["two"]']
    assert [each.message for each in caplog.records if "stay in force" in each.message] == [
        f"network.tokens_file {str(file)!r} holds no token; write one a line; the tokens before stay in force"
    ]
