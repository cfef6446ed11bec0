"""Reload by RPC and by file, labels, and configurations that are wrong from the start."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import grpc
import pytest

from tests.models.cache import Models
from tests.support.clients import Client, failure
from tests.support.eventually import eventually, true_soon
from tests.support.server import Server, config_text
from tests.support.store import Store

pytestmark = pytest.mark.e2e

Start = Callable[..., Server]
Connect = Callable[[Server], Client]

ONCE = ("--max-num-load-retries=0", "--settle-seconds=0.2")


def labelled(base: Path, **labels: int) -> str:
    """Config lines that serve all versions, some with labels."""
    lines = "".join(f'\n version_labels {{ key: "{key}" value: {value} }}' for key, value in labels.items())
    return f'base_path: "{base}"\n model_version_policy {{ all {{}} }}{lines}'


@pytest.mark.smoke
def test_a_reload_adds_and_removes_models(start: Start, connect: Connect, models: Models) -> None:
    server = start({"two": models.path("half_plus_two")})
    client = connect(server)
    response = client.reload(config_text({"three": models.path("half_plus_three")}))
    assert response.status.error_code == 0
    assert client.arrays("three", x=[[2.0]])["y"].tolist() == [[4.0]]
    eventually(
        lambda: failure(lambda: client.predict("two", x=[[2.0]]))[0], lambda code: code == "NOT_FOUND", "two goes"
    )
    true_soon(lambda: all("half_plus_two" not in " ".join(p.cmdline()) for p in server.family()), "its worker ends")


def test_a_reload_with_a_bad_model_says_so_and_serves_the_good_one(
    start: Start, connect: Connect, models: Models, store: Store
) -> None:
    store.add("bad", 1, "corrupt_graph")
    server = start({"two": models.path("half_plus_two")}, *ONCE)
    client = connect(server)
    wanted = {"two": models.path("half_plus_two"), "bad": store.base("bad"), "three": models.path("half_plus_three")}
    code, message = failure(lambda: client.reload(config_text(wanted)))
    assert code != "DEADLINE_EXCEEDED"
    assert "bad" in message
    assert client.arrays("two", x=[[2.0]])["y"].tolist() == [[3.0]]
    server.wait_state("three", 123)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (
            'name: "a" base_path: "/x" model_platform: "tensorflow" } config { name: "a" base_path: "/y"',
            "model a multiple times",
        ),
        ('name: "a" base_path: "relative" model_platform: "tensorflow"', "relative"),
        ('name: "a" base_path: "/x" model_platform: "caffe"', "caffe"),
        ('base_path: "/x" model_platform: "tensorflow"', "name"),
    ],
    ids=["duplicate-name", "relative-path", "unknown-platform", "no-name"],
)
def test_a_reload_with_an_entry_that_makes_no_sense_says_so_and_serves_the_rest(
    start: Start, connect: Connect, models: Models, wrong: str, why: str
) -> None:
    server = start({"two": models.path("half_plus_two")})
    client = connect(server)
    good = config_text({"two": models.path("half_plus_two")})
    code, message = failure(lambda: client.reload(good.removesuffix("}\n") + f"config {{ {wrong} }} }}"))
    assert code in {"INVALID_ARGUMENT", "FAILED_PRECONDITION"}
    assert why in message
    assert client.arrays("two", x=[[2.0]])["y"].tolist() == [[3.0]]


def test_an_empty_reload_changes_nothing(start: Start, connect: Connect, models: Models) -> None:
    client = connect(start({"two": models.path("half_plus_two")}))
    with suppress(grpc.RpcError):
        client.reload("")
    assert client.arrays("two", x=[[2.0]])["y"].tolist() == [[3.0]]


def test_a_changed_config_file_is_applied_and_a_broken_one_is_not(
    start: Start, connect: Connect, models: Models, tmp_path: Path
) -> None:
    config = tmp_path / "models.cfg"
    config.write_text(config_text({"two": models.path("half_plus_two")}))
    server = start(config, "--config-poll-wait-seconds=1")
    client = connect(server)
    config.write_text(config_text({"two": models.path("half_plus_two"), "three": models.path("half_plus_three")}))
    server.wait_state("three", 123)
    config.write_text("model_config_list {\n  config { name: 'three' oops }\n}\n")
    true_soon(lambda: "2:" in server.log and "oops" in server.log, "the log names line 2")
    assert client.arrays("two", x=[[2.0]])["y"].tolist() == [[3.0]]
    assert client.arrays("three", x=[[2.0]])["y"].tolist() == [[4.0]]


def test_labels_follow_a_reload(start: Start, connect: Connect, models: Models) -> None:
    base = models.path("adder")
    server = start({"adder": labelled(base)})
    client = connect(server)
    assert client.reload(config_text({"adder": labelled(base, stable=1, canary=3)})).status.error_code == 0

    def by_label(label: str) -> float:
        request = client.predict_request("adder", x=[0.0])
        request.model_spec.version_label = label
        return float(client.prediction.Predict(request, timeout=10).outputs["y"].float_val[0])

    assert (by_label("stable"), by_label("canary")) == (1.0, 3.0)
    assert client.reload(config_text({"adder": labelled(base, stable=2)})).status.error_code == 0
    assert by_label("stable") == 2.0
    assert failure(lambda: by_label("canary"))[0] == "INVALID_ARGUMENT"


def test_a_label_for_a_version_that_is_not_available_is_refused(start: Start, connect: Connect, models: Models) -> None:
    base = models.path("adder")
    server = start({"adder": labelled(base, stable=1)})
    client = connect(server)
    try:
        status = client.reload(config_text({"adder": labelled(base, stable=9)})).status
        message = status.error_message
    except Exception as error:
        message = str(error)
    assert "not currently available for inference" in message


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("model_config_list {\n  config { name: 'a' base_path }\n}", "2:"),
        (config_text({"a": "/x"}) + config_text({"a": "/y"}), "a"),
    ],
    ids=["syntax-error", "duplicate-names"],
)
def test_a_wrong_config_file_ends_the_server_with_a_message(
    start: Start, tmp_path: Path, config: str, says: str
) -> None:
    path = tmp_path / "models.cfg"
    path.write_text(config)
    server = start(path, ready=False)
    assert server.wait_end(30) != 0
    assert says in server.log
    assert server.log.strip()
    assert "Traceback" not in server.log


def test_a_config_file_that_is_not_there_is_named(start: Start, tmp_path: Path) -> None:
    server = start(tmp_path / "nowhere.cfg", ready=False)
    assert server.wait_end(30) != 0
    assert "nowhere.cfg" in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize("flag", ["--grpc-port", "--rest-port"])
def test_a_port_in_use_is_named(start: Start, models: Models, flag: str) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = "--rest-port=0" if flag == "--grpc-port" else "--grpc-port=0"
        server = start({"half": models.path("half_plus_two")}, f"{flag}={port}", other, ready=False, ports=False)
        assert server.wait_end(60) != 0
    assert str(port) in server.log
    assert "in use" in server.log.lower()
    assert "Traceback" not in server.log


def test_an_unreadable_directory_is_told_and_the_other_model_serves(start: Start, models: Models, store: Store) -> None:
    store.base("secret").parent.mkdir(parents=True)
    store.base("secret").write_text("a file where a directory should be")
    server = start({"secret": store.base("secret"), "half": models.path("half_plus_two")}, ready=False).wait_listening()
    server.wait_state("half", 123)
    true_soon(lambda: str(store.base("secret")) in server.log, "the log names the path")
