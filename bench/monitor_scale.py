"""What a monitor costs with many servers: a simulated fleet, the real reading, the real store.

    python -m bench.monitor_scale --replicas 200 --models 50 --looks 24

Each simulated replica answers with the text of a real server for as many models; a tenth of the models gets requests
in each look. Time passes by the simulation, so that the figures are of processor time and bytes, not of waiting.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from pathlib import Path

import psutil

from seaway.monitor.collect.collector import Collector
from seaway.monitor.query.evaluate import query
from seaway.monitor.store.store import Store
from seaway.monitor.target import Target

BOUNDS = [10e-6 * math.sqrt(2) ** number for number in range(47)]
STAGES = ("decode", "queue", "run", "encode")


class SimulatedClock:
    """Wall time that moves by the simulation; intervals are real."""

    def __init__(self) -> None:
        """Begin at a full hour."""
        self.at = 1_700_000_100.0

    def now(self) -> float:
        """Return the real monotonic clock."""
        return time.monotonic()

    def wall(self) -> float:
        """Return simulated time."""
        return self.at

    def wait(self, event: object, timeout_s: float | None) -> bool:
        """Pass the time at once."""
        self.at += timeout_s or 0.0
        return False


class Replica:
    """One server's totals, written as it writes them."""

    def __init__(self, models: int, seed: int) -> None:
        """Count from nothing."""
        self._random = random.Random(seed)
        self._counts = [[0] * (len(BOUNDS) + 1) for _ in range(models)]

    def look(self) -> str:
        """Answer some requests, and return the text."""
        for counts in self._random.sample(self._counts, max(1, len(self._counts) // 10)):
            for _ in range(20):
                counts[min(len(BOUNDS), max(0, int(self._random.gauss(18, 3))))] += 1
        lines: list[str] = ["# TYPE seaway_requests_total counter"]
        for number, counts in enumerate(self._counts):
            labels = f'model="m{number}",version="1",signature="serving_default",api="grpc"'
            lines.append(f'seaway_requests_total{{{labels},code="OK"}} {sum(counts)}')
        lines.append("# TYPE seaway_request_seconds histogram")
        for number, counts in enumerate(self._counts):
            self._histogram(lines, "seaway_request_seconds", f'model="m{number}",version="1",api="grpc"', counts)
        lines.append("# TYPE seaway_request_stage_seconds histogram")
        for number, counts in enumerate(self._counts):
            for stage in STAGES:
                labels = f'model="m{number}",version="1",api="grpc",stage="{stage}"'
                self._histogram(lines, "seaway_request_stage_seconds", labels, counts)
        lines.append("# TYPE seaway_worker_memory_bytes gauge")
        for number in range(len(self._counts)):
            lines.append(f'seaway_worker_memory_bytes{{model="m{number}",version="1",kind="pss"}} {4e7 + number}')
        return "\n".join(lines) + "\n"

    @staticmethod
    def _histogram(lines: list[str], name: str, labels: str, counts: list[int]) -> None:
        total = 0
        for bound, count in zip(BOUNDS, counts, strict=False):
            total += count
            lines.append(f'{name}_bucket{{{labels},le="{bound:.12g}"}} {total}')
        total += counts[-1]
        lines.append(f'{name}_bucket{{{labels},le="+Inf"}} {total}')
        lines.append(f"{name}_sum{{{labels}}} {total * 0.005}")
        lines.append(f"{name}_count{{{labels}}} {total}")


def main() -> None:
    """Simulate and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=200)
    parser.add_argument("--models", type=int, default=50)
    parser.add_argument("--looks", type=int, default=24)
    parser.add_argument("--interval", type=float, default=15.0, help="simulated seconds between two looks")
    options = parser.parse_args()
    clock = SimulatedClock()
    replicas = {f"r{number}:8501": Replica(options.models, number) for number in range(options.replicas)}
    targets = [Target(name, f"http://{name}/") for name in replicas]
    texts: dict[str, str] = {}
    collector = Collector(lambda target, _: texts[target.instance], clock, 1.0)
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "monitor.db"
        store = Store(path)
        reading = writing = rolling = 0.0
        samples = lines = 0
        for number in range(options.looks):
            texts = {name: replica.look() for name, replica in replicas.items()}
            lines = sum(text.count("\n") for text in texts.values())
            begun = time.process_time()
            look = collector.look(targets)
            read = time.process_time()
            store.append(look.samples, look.changes, look.is_whole)
            written = time.process_time()
            store.roll_up(round(clock.wall() * 1000))
            rolled = time.process_time()
            if number:  # The first look learns all names, which happens once.
                reading, writing, rolling = reading + read - begun, writing + written - read, rolling + rolled - written
                samples += len(look.samples)
            else:
                print(
                    f"first look: {read - begun:.2f} s of CPU for {lines:,} lines, {written - read:.2f} s to write it"
                )
            clock.at += options.interval
        looks = options.looks - 1
        begun = time.perf_counter()
        query(
            store,
            "histogram_quantile(0.99, sum by (le, model) (rate(seaway_request_seconds_bucket[1m])))",
            round(clock.wall() * 1000) - 15_000,
        )
        asked = time.perf_counter() - begun
        size = store.used_bytes()
        per_look = (reading + writing + rolling) / looks
        print(f"{options.replicas} replicas x {options.models} models, {lines:,} lines a look, {looks} looks")
        print(f"CPU a look: reading {reading / looks:.2f} s, writing {writing / looks:.2f} s", end=", ")
        print(f"rolling up {rolling / looks:.2f} s")
        print(f"that is {per_look / options.interval:.1%} of a core at a look every {options.interval:g} s")
        print(f"rows a look: {samples / looks:,.0f}; file: {size / 2**20:.1f} MiB", end=", ")
        print(f"{size / max(1, samples):.0f} bytes a row with its series and roll-ups")
        print(f"memory: {process.memory_info().rss / 2**20:,.0f} MiB with the simulated replicas")
        print(f"p99 of every model over all replicas: {asked:.2f} s")
        store.close()
    collector.close()


if __name__ == "__main__":
    main()
