"""The demo as a story: train, serve, ask, swap a version under load, get the memory back.

Every claim it prints was checked before it was printed; when one does not hold the demo says which and ends with
status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import grpc
import numpy as np
import psutil
import tensorflow as tf
from rich.console import Console
from rich.table import Table
from tensorflow_serving.apis import prediction_service_pb2_grpc

from examples.demo import client, data
from examples.demo.monitor import Monitor
from examples.demo.server import GRPC_PORT, REST_PORT, DemoError, Server

EXPECTED_ACCURACY = 0.95
SWITCH_LIMIT_S = 120.0
SHOWN_ROWS = 8
MINIMUM_WIDTH = 110

CONFIG = """\
model_config_list {{
  config {{
    name: "linear"
    base_path: "{models}/linear"
    model_platform: "tensorflow"
  }}
  config {{
    name: "mnist_cnn"
    base_path: "{models}/mnist_cnn"
    model_platform: "tensorflow"
  }}
}}
"""

console = Console(highlight=False, width=max(Console().width, MINIMUM_WIDTH))


def chapter(number: int, title: str) -> None:
    """Print the heading of the next part of the story."""
    console.print(f"\n[bold cyan]{number}. {title}[/]")


def require(holds: bool, claim: str) -> None:
    """Raise unless what the demo is about to claim is so."""
    if not holds:
        raise DemoError(f"this should have been so, and was not: {claim}")


def mebibytes(count: int) -> str:
    """A number of bytes as people read it."""
    return f"{count / 2**20:.1f} MiB"


def eventually(happened: Callable[[], bool], claim: str) -> float:
    """Wait until it happened and return the seconds; DemoError with the claim when it does not."""
    start = time.monotonic()
    while not happened():
        require(time.monotonic() - start < SWITCH_LIMIT_S, claim)
        time.sleep(0.05)
    return time.monotonic() - start


def training(directory: Path, model: str, version: int, *options: str) -> Iterator[dict[str, Any]]:
    """Run the training process and yield what it reports, epoch by epoch; the last report is the measurement."""
    out = directory / "models" / model / str(version)
    command = [sys.executable, "-m", "examples.demo.train", model, "--out", str(out), *options]
    with (directory / "training.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            yield json.loads(line)
    if process.wait() != 0:
        raise DemoError(f"training {model} failed; see {log.name}")


def train(directory: Path, model: str, version: int, *options: str) -> dict[str, Any]:
    """Train and export one version behind a progress display; return what was measured."""
    measured: dict[str, Any] = {}
    with console.status(f"training {model} version {version} …") as status:
        for measured in training(directory, model, version, *options):
            if "epoch" in measured:
                status.update(f"training {model}: epoch {measured['epoch']}, accuracy {measured['accuracy']:.3f}")
    return measured


def train_both(directory: Path) -> None:
    """Chapter 1."""
    chapter(1, "Two models, trained on real data and exported as SavedModels")
    linear = train(directory, "linear", 1)
    console.print(
        f"   linear      LinearRegression on the diabetes set: slope {linear['coefficient']:.1f}, "
        f"mean error on {data.DIABETES_HELD_OUT} held-out patients {linear['mean_absolute_error']:.1f}"
    )
    cnn = train(directory, "mnist_cnn", 1, "--checkpoint", str(directory / "cnn.keras"))
    console.print(
        f"   mnist_cnn   Conv2D network on 4,000 MNIST digits: {cnn['accuracy']:.1%} of "
        f"{data.DIGITS_HELD_OUT:,} held-out digits right"
    )
    require(cnn["accuracy"] >= EXPECTED_ACCURACY, f"the CNN is at least {EXPECTED_ACCURACY:.0%} accurate")


def serve(directory: Path) -> Server:
    """Chapter 2."""
    chapter(2, "Served from one config file")
    config = directory / "config.cfg"
    config.write_text(CONFIG.format(models=directory / "models"), encoding="utf-8")
    server = Server(config, directory / "server.log")
    console.print(f"   $ {' '.join(server.command)}")
    for name, usual, port in (("gRPC", GRPC_PORT, server.grpc_port), ("REST", REST_PORT, server.rest_port)):
        if usual != port:
            console.print(f"   [yellow]port {usual} is taken, so {name} listens on {port}[/]")
    try:
        seconds = server.wait_ready()
    except DemoError:
        server.stop()
        raise
    console.print(f"   both models ready after {seconds:.1f} s (its log: {directory / 'server.log'})")
    return server


def ask(server: Server) -> None:
    """Chapter 3."""
    chapter(3, "Predictions over gRPC with TensorFlow Serving's own stubs, and over REST")
    with grpc.insecure_channel(server.grpc_address) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        ask_linear(server, stub)
        ask_cnn(server, stub)


def ask_linear(server: Server, stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Show the line's predictions beside what really happened to the patients."""
    split = data.diabetes()
    response = client.predict(stub, "linear", "predict", "input", split.held_x)
    over_grpc = tf.make_ndarray(response.outputs["output"])[:, 0]
    over_rest = np.array(client.predict_rest(server.url, "linear", split.held_x, "predict"))[:, 0]
    require(np.allclose(over_grpc, over_rest), "gRPC and REST give the same answers for linear")
    table = Table(
        "body mass index", "gRPC", "REST", "actual", title="linear: disease progression", title_justify="left"
    )
    for x, one, other, actual in list(zip(split.held_x[:, 0], over_grpc, over_rest, split.held_y, strict=True))[
        :SHOWN_ROWS
    ]:
        table.add_row(f"{x:+.4f}", f"{one:.1f}", f"{other:.1f}", f"{actual:.0f}")
    console.print(table)


def ask_cnn(server: Server, stub: prediction_service_pb2_grpc.PredictionServiceStub) -> None:
    """Show the network's digits beside the labels, then its accuracy through the server."""
    split = data.digits()
    shown = split.held_x[:SHOWN_ROWS]
    response = client.predict(stub, "mnist_cnn", "serving_default", "image", shown)
    (output,) = response.outputs
    over_grpc = tf.make_ndarray(response.outputs[output])
    over_rest = np.array(client.predict_rest(server.url, "mnist_cnn", shown))
    require(np.allclose(over_grpc, over_rest, atol=1e-6), "gRPC and REST give the same answers for mnist_cnn")
    table = Table("gRPC", "REST", "certainty", "actual", title="mnist_cnn: digits", title_justify="left")
    for one, other, actual in zip(over_grpc, over_rest, split.held_y[:SHOWN_ROWS], strict=True):
        table.add_row(str(one.argmax()), str(other.argmax()), f"{one.max():.1%}", str(actual))
    console.print(table)
    whole = client.predict(stub, "mnist_cnn", "serving_default", "image", split.held_x)
    accuracy = float((tf.make_ndarray(whole.outputs[output]).argmax(axis=1) == split.held_y).mean())
    require(accuracy >= EXPECTED_ACCURACY, "the served model is as accurate as the trained one")
    console.print(f"   all {len(split.held_x):,} held-out digits in one request: {accuracy:.1%} right")


def swap(server: Server, directory: Path) -> None:
    """Chapter 4."""
    chapter(4, "Version 2 is exported while a client keeps predicting")
    before = server.versions("mnist_cnn")[1]
    with client.Load(server.grpc_address, data.digits().held_x) as load:
        eventually(lambda: load.requests > 0, "the client gets answers")
        measured = train(directory, "mnist_cnn", 2, "--checkpoint", str(directory / "cnn.keras"), "--epochs", "1")
        console.print(f"   version 2 exported: trained one epoch more, {measured['accuracy']:.1%} right")
        waited = eventually(lambda: load.answered[2] > 0 or bool(load.failures), "version 2 answers")
        console.print(f"   model_spec.version in the answers: 1 → 2, {waited:.1f} s after the export")
        after_switch = load.requests
        eventually(lambda: load.requests >= after_switch + 100 or bool(load.failures), "requests go on")
        returned(server, before.worker_pid, before.private_bytes)
    for failure in load.failures[:3]:
        console.print(f"   [red]{failure}[/]")
    console.print(
        f"   {load.requests:,} requests: version 1 answered {load.answered[1]:,}, version 2 {load.answered[2]:,}, "
        f"[bold]{len(load.failures)} failed[/]"
    )
    require(not load.failures, "no request failed during the switch")
    require(set(load.answered) == {1, 2}, "both versions, and no others, answered")


def returned(server: Server, pid: int | None, private: int) -> None:
    """Wait for the old worker to end, and say what the operating system got back."""
    require(pid is not None, "the server names the worker process of version 1")
    eventually(lambda: not psutil.pid_exists(pid), f"the worker of version 1 (process {pid}) ends")
    console.print(
        f"   the worker of version 1 (process {pid}) has ended: {mebibytes(private)} of private memory returned"
    )
    now = server.versions("mnist_cnn")[2]
    console.print(f"   the worker of version 2 (process {now.worker_pid}) holds {mebibytes(now.private_bytes)}")


def look_back(monitor: Monitor) -> None:
    """Chapter 5."""
    chapter(5, "What the monitor has seen meanwhile")
    of_cnn = '{model="mnist_cnn",api="grpc"}'
    counted = f"sum by (version) (increase(seaway_requests_total{of_cnn}[10m]))"
    eventually(lambda: len(monitor.ask(counted)) == 2, "the monitor has counted requests of both versions")  # noqa: PLR2004
    eventually(
        lambda: any("version 2 is served" in event for event in monitor.events()), "the monitor has seen the switch"
    )
    buckets = f"sum by (le, version) (rate(seaway_request_seconds_bucket{of_cnn}[10m]))"
    median, p99 = (monitor.ask(f"histogram_quantile({share}, {buckets})") for share in (0.5, 0.99))
    for version, requests in sorted(monitor.ask(counted).items()):
        console.print(
            f"   version {version}: {requests:,.0f} requests, p50 {median[version] * 1000:.2f} ms, "
            f"p99 {p99[version] * 1000:.2f} ms"
        )
    for event in monitor.events():
        console.print(f"   {event}", markup=False)


def goodbye(server: Server, monitor: Monitor) -> None:
    """Print what to try while the server goes on."""
    inputs = json.dumps({"signature_name": "predict", "instances": [[0.05], [-0.02]]})
    chapter(6, "Try it yourself, and watch")
    console.print(f"   a client goes on predicting; what the servers do is shown at [bold]{monitor.url}/[/]")
    for line in (
        f"curl {server.url}/v1/models",
        f"curl {server.url}/v1/models/mnist_cnn/metadata",
        f"curl -d '{inputs}' {server.url}/v1/models/linear:predict",
        f"curl {server.url}/monitoring/prometheus/metrics",
        "seaway models" + (f" --server localhost:{server.rest_port}" if server.rest_port != REST_PORT else ""),
    ):
        console.print(f"   {line}", soft_wrap=True, markup=False)
    console.print("   Ctrl-C stops the server.")


def until_interrupted(server: Server) -> None:
    """Keep serving until Ctrl-C, or until the server ends by itself."""
    try:
        psutil.Process(server.pid).wait()
    except KeyboardInterrupt:
        console.print("\n   stopping …")


def tell(directory: Path, *, once: bool) -> None:
    """The whole story."""
    train_both(directory)
    server = serve(directory)
    monitor = Monitor(server.monitor_port)
    try:
        ask(server)
        swap(server, directory)
        look_back(monitor)
        if not once:
            goodbye(server, monitor)
            with client.Load(server.grpc_address, data.digits().held_x, pause_s=0.02):
                until_interrupted(server)
    finally:
        status = server.stop()
    require(status == 0, f"the server ends with status 0 (it was {status}; see {server.log})")
    console.print("\n[bold green]The server drained and ended with status 0.[/]")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__.splitlines()[0])
    parser.add_argument("--directory", type=Path, default=Path("demo"), help="where models, config and logs go")
    parser.add_argument("--once", action="store_true", help="end after the story instead of serving on")
    return parser.parse_args()


def main() -> int:
    """Tell the story; 0 when all of it was true."""
    options = arguments()
    directory = options.directory.resolve()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        tell(directory, once=options.once)
    except DemoError as problem:
        console.print(f"\n[bold red]demo failed:[/] {problem}", markup=True)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
