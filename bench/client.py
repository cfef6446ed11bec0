"""What a call costs the program that makes it: `python -m bench.client`.

The official stubs (with TensorFlow, as guides write them) and `seaway.Client` ask the same running server the same
things by turns, in one process per client, so that neither pays for the other's imports or threads. CPU is that of the
asking process alone; the server's work is the same for both. Each figure is the median of the rounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench.machine import this_machine
from tests.models import cache
from tests.support.server import Server, config_text

ROUNDS = 5
CLIENTS = ("official", "official-numpy", "seaway", "seaway-rest")
TITLES = {
    "official": "official stubs, `tf.make_tensor_proto`",
    "official-numpy": "official stubs, `tensor_content` by hand",
    "seaway": "`seaway.Client`, gRPC",
    "seaway-rest": "`seaway.Client`, REST",
}


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked."""

    name: str
    model: str
    signature: str
    shape: tuple[int, ...]
    calls: int
    rest: bool = True
    """Whether it is asked over REST too; numbers in JSON are no way to send images."""

    @property
    def array(self) -> np.ndarray[Any, Any]:
        """The input."""
        return np.random.default_rng(1).random(self.shape, np.float32)


LOADS = (
    Load("small", "half_plus_two", "", (1, 1), 1000),
    Load("images", "identity", "float32", (8, 224, 224, 3), 10, rest=False),
)


def official(address: str, load: Load, *, by_hand: bool) -> Callable[[], object]:
    """Ask as TensorFlow Serving's guides do; `by_hand` spares TensorFlow's conversion, not its import."""
    import grpc  # noqa: PLC0415 - each client in a process of its own
    import tensorflow as tf  # noqa: PLC0415
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc  # noqa: PLC0415

    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    stub = prediction_service_pb2_grpc.PredictionServiceStub(grpc.insecure_channel(address, options))
    array = load.array

    def ask() -> object:
        request = predict_pb2.PredictRequest()
        request.model_spec.name = load.model
        request.model_spec.signature_name = load.signature
        if by_hand:
            tensor = request.inputs["x"]
            tensor.dtype = 1
            for size in array.shape:
                tensor.tensor_shape.dim.add(size=size)
            tensor.tensor_content = array.tobytes()
        else:
            request.inputs["x"].CopyFrom(tf.make_tensor_proto(array))
        return tf.make_ndarray(stub.Predict(request, timeout=30.0).outputs["y"])

    return ask


def own(address: str, load: Load) -> Callable[[], object]:
    """Ask with this client."""
    from seaway import Client  # noqa: PLC0415 - as above

    client, array = Client(address), load.array
    return lambda: client.predict(load.model, array, signature=load.signature)


def is_asked(client: str, load: Load) -> bool:
    """Whether a client is measured with a load."""
    return load.rest or not client.endswith("rest")


def asker(client: str, grpc_address: str, url: str, load: Load) -> Callable[[], object]:
    """Return the call of one client."""
    if client.startswith("official"):
        return official(grpc_address, load, by_hand=client.endswith("numpy"))
    return own(url if client.endswith("rest") else grpc_address, load)


def measured(client: str, grpc_address: str, url: str) -> None:
    """Answer each line of standard input, the name of a load, with its figures; the first lines are imports."""
    began = time.process_time()
    asks = {load.name: asker(client, grpc_address, url, load) for load in LOADS if is_asked(client, load)}
    for ask in asks.values():
        ask()
    process = psutil.Process()
    print(json.dumps({"ready_cpu_s": time.process_time() - began, "rss": process.memory_info().rss}), flush=True)
    for line in sys.stdin:
        load = next(load for load in LOADS if load.name == line.strip())
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(load.calls):
            asks[load.name]()
        figures = {
            "cpu_us": (time.process_time() - cpu) / load.calls * 1e6,
            "rate": load.calls / (time.perf_counter() - wall),
        }
        print(json.dumps(figures), flush=True)


class Process:
    """One client in a process of its own."""

    def __init__(self, client: str, server: Server) -> None:
        """Start it, and wait until it has asked each thing once."""
        command = [sys.executable, "-m", "bench.client", client, server.grpc_address, server.url]
        environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        self.start = self._answer()

    def round(self, load: Load) -> Mapping[str, float]:
        """Measure a load once."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{load.name}\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        """Let it end."""
        self._process.communicate()

    def _answer(self) -> Mapping[str, float]:
        assert self._process.stdout is not None
        answer: Mapping[str, float] = json.loads(self._process.stdout.readline())
        return answer


def run() -> None:
    """Measure all clients by turns and print tables in Markdown."""
    machine = this_machine()
    models = cache.Models(cache.default_directory())
    with tempfile.TemporaryDirectory() as directory:
        config = Path(directory) / "config.cfg"
        config.write_text(config_text({load.model: models.path(load.model) for load in LOADS}))
        server = Server(Path(directory) / "server", "serve", "--config", str(config)).wait_ready()
        try:
            processes = {client: Process(client, server) for client in CLIENTS}
            found = {load.name: [one_round(processes, load) for _ in range(ROUNDS)] for load in LOADS}
            for process in processes.values():
                process.end()
        finally:
            server.clean_up()
    print(machine.line(), "\n")
    columns = " | ".join(f"{load.name}: CPU per call | calls/s" for load in LOADS)
    print(f"| client | {columns} | ready: CPU | memory |")
    print("|---" * (2 * len(LOADS) + 3) + "|")
    for client, process in processes.items():
        cells = [cell for load in LOADS for cell in row([each[client] for each in found[load.name] if client in each])]
        ready, memory = process.start["ready_cpu_s"], process.start["rss"] / 2**20
        print(f"| {TITLES[client]} | {' | '.join(cells)} | {ready:.2f} s | {memory:.0f} MiB |")


def one_round(processes: Mapping[str, Process], load: Load) -> Mapping[str, Mapping[str, float]]:
    """Measure each client once, one after another."""
    return {client: process.round(load) for client, process in processes.items() if is_asked(client, load)}


def row(rounds: list[Mapping[str, float]]) -> tuple[str, str]:
    """Return the medians of one client and load, as a table shows them."""
    if not rounds:
        return "-", "-"
    cpu = statistics.median(each["cpu_us"] for each in rounds)
    return f"{cpu:,.0f} µs", f"{statistics.median(each['rate'] for each in rounds):,.1f}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measured(*sys.argv[1:])
    else:
        run()
