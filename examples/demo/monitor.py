"""What the demo asks the monitor that runs beside its server, over the monitor's HTTP API."""

from __future__ import annotations

from urllib.parse import quote

from examples.demo.server import get_json


class Monitor:
    """The monitor at an address."""

    def __init__(self, port: int) -> None:
        """It was started with the server."""
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, question: str) -> dict[str, float]:
        """Return the answers to a question in PromQL, by the values of their labels."""
        found = get_json(f"{self.url}/api/v1/query?query={quote(question)}")["data"]["result"]
        return {", ".join(each["metric"].values()): float(each["value"][1]) for each in found}

    def events(self) -> list[str]:
        """Return what happened within the last hour, the oldest first."""
        return [str(each["text"]) for each in reversed(get_json(f"{self.url}/api/v1/events")["data"])]
