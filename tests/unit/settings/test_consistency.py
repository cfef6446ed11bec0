"""Settings that exclude each other."""

from __future__ import annotations

import pytest

from seaway.errors import InvalidArgument
from seaway.settings.consistency import check
from seaway.settings.effective import build

_MODEL = {"models.model_base_path": "/models/m"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({}, "nothing to serve", id="no-model"),
        pytest.param(_MODEL | {"network.grpc_port": -1, "network.rest_port": -1}, "nothing would listen", id="no-port"),
        pytest.param(_MODEL | {"network.rest_port": 8500}, "are both 8500", id="one-port-for-two"),
        pytest.param(_MODEL | {"workers.restart_backoff_s": 90.0}, r"\(90.0\) is above", id="back-off-upside-down"),
        pytest.param(
            _MODEL | {"request_log.max_total_bytes": 4096},
            r"max_file_bytes \(67108864\) is above",
            id="request-log-file-above-total",
        ),
        pytest.param(
            _MODEL | {"engine.engine": "onnx", "engine.custom_op_libraries": ("ops.so",)},
            "engine.engine is onnx",
            id="tensorflow-operations-elsewhere",
        ),
    ],
)
def test_what_makes_no_sense_together_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        check(build(values))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"network.grpc_port": 0, "network.rest_port": 0}, id="two-free-ports"),
        pytest.param(
            {"network.grpc_port": -1, "network.rest_port": -1, "network.grpc_socket_path": "s"}, id="socket-only"
        ),
    ],
)
def test_what_can_serve_is_accepted(values: dict[str, object]) -> None:
    check(build(_MODEL | values))
