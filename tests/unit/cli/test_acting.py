"""What the page does to a deployment: the commands, as a person would type them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from seaway.cli.acting import CommandActions
from seaway.errors import FailedPrecondition, InvalidArgument


class Commands:
    """Stands for the processes: remembers what was run and answers as a test says."""

    def __init__(self) -> None:
        self.ran: list[list[str]] = []
        self.answer = subprocess.CompletedProcess([], 0, "", "")

    def run(self, command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        assert options["stdin"] is subprocess.DEVNULL, "a question must not wait for an answer"
        self.ran.append(command[3:])
        return self.answer


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    commands = Commands()
    monkeypatch.setattr("seaway.cli.acting.subprocess.run", commands.run)
    return commands


@pytest.fixture
def actions(tmp_path: Path, commands: Commands) -> CommandActions:
    return CommandActions(tmp_path / "seaway.yaml")


def test_each_action_is_one_command(actions: CommandActions, commands: Commands, tmp_path: Path) -> None:
    actions.do_rollout("digits", 7)
    actions.do_rollback("digits")
    actions.do_scale(3)
    file = ["--file", str(tmp_path / "seaway.yaml")]
    assert commands.ran == [
        ["rollout", "digits", "7", "--yes", *file],
        ["rollback", "digits", "--yes", *file],
        ["scale", "3", "--yes", *file],
    ]


def test_a_plan_is_what_the_command_prints_before_it_asks(actions: CommandActions, commands: Commands) -> None:
    refusal = "seaway: this is no terminal, so nobody can be asked; read the plan and add --yes\n"
    commands.answer = subprocess.CompletedProcess([], 2, "[1] start mon-3\n", refusal)
    assert actions.plan_scale(3) == "[1] start mon-3"
    assert "--yes" not in commands.ran[0]
    commands.answer = subprocess.CompletedProcess([], 0, "nothing to do: everything is as it should be\n", "")
    assert actions.plan_scale(2).startswith("nothing to do")


def test_what_is_refused_is_told_in_its_own_words(actions: CommandActions, commands: Commands) -> None:
    commands.answer = subprocess.CompletedProcess([], 1, "", "seaway: there is no version 9 of digits in the store\n")
    for act in (actions.plan_rollout, actions.do_rollout):
        with pytest.raises(FailedPrecondition, match="there is no version 9"):
            act("digits", 9)


@pytest.mark.parametrize("name", ["", "--yes", "-f/etc/passwd"])
def test_a_name_cannot_be_an_option(actions: CommandActions, commands: Commands, name: str) -> None:
    with pytest.raises(InvalidArgument):
        actions.do_rollback(name)
    assert commands.ran == []
