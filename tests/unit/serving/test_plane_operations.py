"""What the plane is told about operations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from seaway.errors import InvalidArgument
from seaway.serving.plane_operations import plane_operations
from seaway.settings.operations import Operations
from seaway.settings.secret import Secret

ON = Operations(directory="/store")
SENT = replace(ON, webhooks=True, webhook_secret=Secret("whsec_a"), webhook_allow=("10.0.0.0/8",))


def test_without_a_directory_there_are_none() -> None:
    assert plane_operations(Operations(), 2) is None


def test_times_are_in_milliseconds_and_the_cores_decide_how_many_run() -> None:
    document = plane_operations(replace(ON, timeout_s=1.5), 2)
    assert document is not None
    assert (document["timeout_ms"], document["concurrency"], document["webhooks"]) == (1500, 8, None)
    chosen = plane_operations(replace(ON, concurrency=3), 2)
    assert chosen is not None
    assert chosen["concurrency"] == 3


def test_the_secret_comes_from_its_file_or_the_setting(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("whsec_b\n")
    inline = plane_operations(SENT, 1)
    read = plane_operations(replace(SENT, webhook_secret=Secret(), webhook_secret_file=str(file)), 1)
    assert inline is not None
    assert read is not None
    assert (inline["webhooks"]["secret"], inline["webhooks"]["allow"]) == ("whsec_a", ["10.0.0.0/8"])
    assert read["webhooks"]["secret"] == "whsec_b"


@pytest.mark.parametrize(
    ("operations", "message"),
    [
        pytest.param(replace(SENT, directory=""), "operations.directory is empty", id="no-directory"),
        pytest.param(replace(SENT, webhook_secret=Secret()), "there is no secret", id="no-secret"),
        pytest.param(replace(SENT, webhook_secret_file="x"), "are both set", id="two-secrets"),
        pytest.param(
            replace(SENT, webhook_secret=Secret(), webhook_secret_file="/none/x"), "cannot be read", id="missing-file"
        ),
    ],
)
def test_webhooks_without_what_they_need_are_refused(operations: Operations, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        plane_operations(operations, 1)
