"""An engine that is hosted in Python, called without a server: `python -m bench.hosted ENGINE --model=… --input=…`.

The twin of `seaway-bench engine`, with the same options and the same report.
"""

from __future__ import annotations

import argparse
import json
import statistics
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from seaway.engines.engine import EngineOptions, Model
from seaway.engines.registry import hosted
from seaway.settings.cores import usable_cores

LONGEST_CALL_S = 0.7
WARM_UP_S = 0.3
SIGNATURE = "serving_default"


def main() -> None:
    """Measure, and print the report."""
    options = _arguments()
    name, array = _input(options.input)
    cores = usable_cores()
    engine = hosted(options.engine)
    model = engine.load(options.model, EngineOptions(threads=cores, intra_op_threads=1))
    outputs = _outputs(model)
    results = []
    for threads in map(int, options.threads.split(",")):
        for joined in map(int, options.joined.split(",")):
            inputs = {name: np.concatenate([array] * joined) if array.ndim else array}
            calls = _calls(model, inputs, outputs, threads, options.seconds)
            took = [micros for thread in calls for micros in thread]
            rate = sum(1e6 * len(thread) / sum(thread) for thread in calls)
            latency = {"p50": statistics.median(took), "p99": float(np.quantile(took, 0.99))}
            results.append(
                {
                    "threads": threads,
                    "joined": joined,
                    "calls": len(took),
                    "per_second": rate,
                    "requests_per_second": rate * joined,
                    "latency_micros": latency,
                }
            )
            if latency["p50"] > LONGEST_CALL_S * 1e6:
                break
    print(json.dumps({"api": "engine", "engine": options.engine, "results": results}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--input", required=True)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--joined", default="1")
    parser.add_argument("--seconds", type=float, default=0.3)
    return parser.parse_args()


def _input(text: str) -> tuple[str, np.ndarray[Any, Any]]:
    name, _, value = text.partition("=")
    dtype, shape, values = value.split(":", 2)
    sizes = tuple(int(size) for size in shape.split(","))
    if values == "random":
        return name, np.random.default_rng(1).random(sizes).astype(dtype)
    return name, np.resize(np.array([float(one) for one in values.split(",")], dtype), sizes)


def _outputs(model: Model) -> list[str]:
    from seaway.engines.signatures import read  # noqa: PLC0415 - after the engine's own imports

    return list(read(model.signature_def_map())[SIGNATURE].outputs)


def _calls(model: Model, inputs: dict[str, Any], outputs: list[str], threads: int, seconds: float) -> list[list[float]]:
    """Call from several threads and return the microseconds of each call, by thread."""
    begin = threading.Barrier(threads)
    taken: list[list[float]] = [[] for _ in range(threads)]

    def work(own: list[float]) -> None:
        try:
            _repeat(model, inputs, outputs, WARM_UP_S)
        except BaseException:
            begin.abort()  # nobody waits for a thread that does not come
            raise
        begin.wait()
        own.extend(_repeat(model, inputs, outputs, seconds))

    workers = [threading.Thread(target=work, args=(own,)) for own in taken]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return taken


def _repeat(model: Model, inputs: dict[str, Any], outputs: list[str], seconds: float) -> list[float]:
    took: list[float] = []
    begin = last = time.perf_counter()
    while not took or last - begin < seconds:
        model.run(SIGNATURE, inputs, outputs)
        now = time.perf_counter()
        took.append(1e6 * (now - last))
        last = now
    return took


if __name__ == "__main__":
    main()
