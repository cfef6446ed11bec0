"""Predictions from inside a network namespace: `python -m tests.support.load_client ADDRESS SECONDS`.

Prints `begun` with the first answer, and in the end one JSON document: how many were answered, how many failed, and the
longest time without an answer.
"""

from __future__ import annotations

import json
import sys
import time

from tests.support.clients import Client


def main(address: str, seconds: float) -> None:
    """Ask, one after another, for so many seconds."""
    answered = failed = 0
    longest = 0.0
    with Client(address) as client:
        client.predict("adder", timeout=10.0, x=[0.0])
        print("begun", flush=True)
        begun = last = time.monotonic()
        while time.monotonic() - begun < seconds:
            try:
                client.predict("adder", timeout=2.0, x=[0.0])
            except Exception:
                failed += 1
                time.sleep(0.05)
                continue
            answered += 1
            now = time.monotonic()
            longest, last = max(longest, now - last), now
            time.sleep(0.005)  # a load, and no more of the processors than that takes
    print(json.dumps({"answered": answered, "failed": failed, "longest_gap_s": round(longest, 2)}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
