"""How many visitors the monitor's page bears while it looks at servers: a load test of its own server, on loopback.

    python -m bench.monitor_page --visitors 16 --seconds 15

A monitor looks each second at a server with fifty models. Visitors open the overview and a page of a model and ask the
API for an hour of latencies, one after the other without pause. The figures are answers per second and times by kind,
and how long a look took meanwhile and before.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlencode

import psutil

from bench.monitor_scale import Replica
from tests.support.ports import free_port
from tests.support.server import clean_environment, http

MODELS = 50
LATENCIES = "histogram_quantile(0.99, sum by (le, model) (rate(seaway_request_seconds_bucket[5m])))"


def serve_metrics() -> ThreadingHTTPServer:
    """Answer with the metrics of a simulated server."""
    replica, lock = Replica(MODELS, 1), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with lock:
                body = replica.look().encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def visit(url: str, end: float, took: dict[str, list[float]], failed: list[str]) -> None:
    """Ask one thing after the other until the time is over."""
    while time.monotonic() < end:
        now = time.time()
        question = urlencode({"query": LATENCIES, "start": now - 3600, "end": now, "step": "12s"})
        for kind, path in (
            ("overview", "/"),
            ("model", "/model/m1"),
            ("API, 300 moments of 50 models", f"/api/v1/query_range?{question}"),
        ):
            begun = time.monotonic()
            try:
                with urllib.request.urlopen(url + path, timeout=60) as response:
                    response.read()
                took[kind].append(time.monotonic() - begun)
            except OSError as err:
                failed.append(f"{kind}: {err}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--visitors", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    metrics, port = serve_metrics(), free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as directory:
        command = [str(Path(sys.executable).with_name("seaway")), "monitor", f"127.0.0.1:{metrics.server_address[1]}"]
        command += ["--listen", f"127.0.0.1:{port}", "--directory", directory, "--interval", "1"]
        process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.DEVNULL)
        try:
            _wait(url)
            time.sleep(10)
            before = _longest_look(url)
            took: dict[str, list[float]] = defaultdict(list)
            failed: list[str] = []
            end = time.monotonic() + options.seconds
            visitors = [threading.Thread(target=visit, args=(url, end, took, failed)) for _ in range(options.visitors)]
            for each in visitors:
                each.start()
            for each in visitors:
                each.join()
            print(f"{options.visitors} visitors without pause, {options.seconds:g} s, {len(failed)} failed")
            for kind, times in took.items():
                times.sort()
                p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
                rate = len(times) / options.seconds
                print(f"{kind}: {rate:.1f}/s, p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
            print(f"longest look: {before * 1000:.0f} ms before, {_longest_look(url) * 1000:.0f} ms under load")
            print(f"memory of the monitor: {psutil.Process(process.pid).memory_info().rss / 2**20:.0f} MiB")
        finally:
            process.terminate()
            process.wait(20)
            metrics.shutdown()
            metrics.server_close()


def _wait(url: str) -> None:
    for _ in range(600):
        with suppress(OSError):
            if http(url + "/healthz").status == 200:  # noqa: PLR2004 - OK
                return
        time.sleep(0.1)
    raise SystemExit("the monitor does not answer")


def _longest_look(url: str) -> float:
    query = urlencode({"query": "max_over_time(monitor_round_seconds[20s])"})
    return float(http(f"{url}/api/v1/query?{query}").json["data"]["result"][0]["value"][1])


if __name__ == "__main__":
    main()
