"""The compiled half of Seaway: the data plane of a server, and the TensorFlow engine of a worker.

What crosses is data, rarely: JSON documents, serialized messages, file descriptors. `crates/py` is the other side.
"""

from collections.abc import Callable
from typing import final

__all__ = [
    "Plane",
    "StatusError",
    "TensorFlowModel",
    "bench",
    "descriptor_set",
    "die_with_parent",
    "grpc_call",
    "metrics_catalogue",
    "preload_tensorflow",
]

class StatusError(Exception):
    """A failed operation."""

    code: int
    """A canonical status code, 1 to 16."""
    message: str

def descriptor_set() -> bytes:
    """Return the serialized FileDescriptorSet of all messages in `proto/`, each file after those that it imports."""

def metrics_catalogue() -> str:
    """Return all metrics as JSON: `[{"name", "kind", "help", "labels", "unit"}]`."""

@final
class Plane:
    """The data plane of one server: from clients' bytes to a worker and back, without Python."""

    def __new__(cls, settings: str) -> Plane:
        """Take JSON PlaneSettings; binds nothing yet.

        Raises:  ValueError - not PlaneSettings.
        """

    def start(self) -> str:
        """Bind and serve; returns JSON `{"grpc_address", "rest_address", "grpc_socket"}`, null where there is none.

        Raises:  OSError - names the address that is in use.
        """

    def open_channel(self, settings: str) -> tuple[int, int, int]:
        """Make a channel from JSON `{"model", "version", "slots", "stride_bytes", "max_queue"}`.

        Returns the channel, and the worker's data socket and arena: the caller passes both on and closes them.
        """

    def set_signatures(self, channel: int, signature_def_map: bytes) -> None:
        """Tell the signatures of a channel whose worker has loaded, as a serialized SignatureDefMap."""

    def warm_up(self, channel: int, prediction_log: bytes, timeout_s: float) -> None:
        """Replay one serialized PredictionLog on the path that requests take.

        Raises:  StatusError - the request failed.
        """

    def prove_batching(self, channel: int, records: list[bytes], timeout_s: float) -> str:
        """Find out which signatures may have requests joined: JSON, null or why not by signature.

        `records` are serialized PredictionLogs, whose rows the proof uses where there are any.

        Raises:  StatusError - the channel is not open.
        """

    def predict(self, channel: int, request: bytes) -> bytes:
        """Answer a serialized PredictRequest with a serialized PredictResponse on a channel that need not be published.

        Raises:  StatusError - what a client would be told.
        """

    def pace(self, channel: int, requests: list[bytes], in_flight: int, seconds: float) -> str:
        """Keep `in_flight` of the requests on their way; returns JSON `{"requests", "seconds", "p50_us", "p99_us"}`.

        Raises:  StatusError - what the first request that failed was told.
        """

    def set_batching(self, channel: int, rules: str) -> None:
        """Change how requests are joined, from the next run on.

        Raises:  StatusError - the channel is not open, or the rules make no sense; ValueError - not the document.
        """

    def close_channel(self, channel: int) -> None:
        """End whatever is queued or in flight with UNAVAILABLE, now."""

    def drain_channel(self, channel: int, timeout_s: float) -> bool:
        """Wait until nothing is queued or in flight; False when time ran out. Routing is `publish`'s matter."""

    def publish(self, routes: str) -> None:
        """Swap in the complete routing and status table, as JSON Routes."""

    def next_event(self, timeout_s: float) -> str | None:
        """Wait for the next event, as JSON; None when none came in time."""

    def reply(self, id: int, code: int, message: str) -> None:
        """Answer the event with this id; code 0 for success."""

    def observe(self, metrics: str) -> None:
        """Set metrics whose values Python knows, from JSON `[{"name", "labels", "value", "op"}]`."""

    def set_tokens(self, tokens: str) -> None:
        """Replace the tokens of which a request must carry one, from a JSON list.

        Raises:  StatusError - one that cannot be sent in a header, or none where there were some; the old ones stay;
            ValueError - not a JSON list of strings.
        """

    def set_report(self, report: str) -> None:
        """Answer `GET /v1/report` with this JSON from now on.

        Raises:  StatusError - not JSON.
        """

    def set_ready(self, ready: bool) -> None:
        """Say whether the server as a whole is ready."""

    def drain(self, timeout_s: float) -> bool:
        """Stop accepting and wait for what is in flight; False when time ran out."""

    def metrics(self) -> str:
        """Return the Prometheus text."""

    def measurements(self) -> str:
        """Return JSON `{"in_flight", "queued", "series", "comparisons"}`, with the fields of seaway.fleet.report.

        `in_flight` counts requests that were accepted and neither wait nor are answered yet, `queued` those that wait
        for a worker. A version that nobody asked has no series. Counts of a version that the routes name go on when
        it is loaded again.
        """

    def stop(self) -> None:
        """End the plane at once."""

@final
class TensorFlowModel:
    """One SavedModel loaded by TensorFlow's C API, and the threads that answer for it."""

    @staticmethod
    def load(settings: str) -> TensorFlowModel:
        """Load from JSON `{"library", "path", "tags", "custom_ops", "session_config"}`; other threads go on meanwhile.

        Raises:  StatusError - TensorFlow's code and words; ValueError - not load settings.
        """

    def signatures(self) -> bytes:
        """Return the model's signatures as a serialized tensorflow.serving.SignatureDefMap."""

    def serve(self, socket_fd: int, arena_fd: int, slots: int, stride_bytes: int, threads: int) -> None:
        """Start threads that answer runs until the other end hangs up; takes over both descriptors."""

    def close(self) -> None:
        """Hang up, let runs in progress finish, and give the memory back."""

def preload_tensorflow(library: str) -> str:
    """Open TensorFlow's library without loading a model, and return its version.

    Raises:  StatusError - it cannot be opened.
    """

def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that made it ends."""

def bench(load: str, bodies: list[bytes], on_progress: Callable[[float, bool, int, int], bool]) -> str:
    """Send `bodies` in turn, again and again as the JSON document `load` says, and return the JSON report.

    `on_progress(seconds, measuring, succeeded, failed)` is called several times a second, on the thread that generates
    the load, so it must be quick. The load ends early, with a report, once it returns false.

    Raises:  ValueError - not a load; StatusError - the target is refused or not there; what `on_progress` raises.
    """

def grpc_call(
    target: str, method: str, message: bytes, timeout_s: float, allow_remote: bool, tls: str | None = None
) -> bytes:
    """Make one unary gRPC call and return its answer; `tls` is the JSON document of a load, None for plain text.

    Raises:  StatusError - the server's status, or UNAVAILABLE when it cannot be reached in time.
    """
