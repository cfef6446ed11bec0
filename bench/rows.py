"""The rows of the table: what is asked of which model, what TensorFlow Serving does there, and what Seaway is to reach.

The references are figures of TensorFlow Serving on a machine of this kind (2 cores, the load on the same cores, noise
±30 %), as the project was given them; they are not measured here. On another machine the ratios say little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.models import HALF_PLUS_TWO, LARGE, MNIST_CNN, RESNET50, Subject
from bench.verdict import Reference, Target


@dataclass(frozen=True, slots=True)
class Row:
    """One load on one model, and the figure of it that counts."""

    name: str
    title: str
    subject: Subject
    api: Literal["grpc", "rest"]
    in_flight: int
    figure: Literal["rate", "p50"]
    """Rows a second, or the median latency in microseconds."""
    reference: Reference
    target: Target
    """With the engine that does best."""
    alone: Target
    """With the tensorflow engine."""
    rows: int = 1
    """Requests of the subject joined in one."""
    connections: int = 1
    seconds: float = 1.5
    synchronous: bool = False
    """Whether it is measured with `--no-batching` as well."""


_HALF = Target(0.5, at_most=True)
_NOT_SLOWER = Target(1.0)
_NOT_LATER = Target(1.0, at_most=True)
_CNN_ALONE = Target(1.5)

ROWS = (
    Row("half_grpc_64", "half_plus_two, gRPC, 64 in flight", HALF_PLUS_TWO, "grpc", 64, "rate",
        Reference.of(7300), Target(3), _NOT_SLOWER),
    Row("half_grpc_1", "half_plus_two, gRPC, 1 in flight", HALF_PLUS_TWO, "grpc", 1, "p50",
        Reference.of(460), _HALF, _NOT_LATER),
    Row("cnn_grpc_64", "MNIST CNN, gRPC, 64 in flight", MNIST_CNN, "grpc", 64, "rate",
        Reference.of(4400), Target(5), _CNN_ALONE, synchronous=True),
    Row("cnn_grpc_1", "MNIST CNN, gRPC, 1 in flight", MNIST_CNN, "grpc", 1, "p50",
        Reference.of(635), _HALF, _NOT_LATER),
    Row("cnn_rows_32", "MNIST CNN, gRPC, requests of 32 rows, 16 in flight", MNIST_CNN, "grpc", 16, "rate",
        Reference.of(14_000), Target(3), _CNN_ALONE, rows=32),
    Row("cnn_rest_16", "MNIST CNN, REST, 16 connections", MNIST_CNN, "rest", 16, "rate",
        Reference.of(3500), Target(4), _CNN_ALONE, connections=16, synchronous=True),
    Row("cnn_rest_64", "MNIST CNN, REST, 64 connections", MNIST_CNN, "rest", 64, "rate",
        Reference.of(3500), Target(4), _CNN_ALONE, connections=64),
    Row("mobilenet_8", "MobileNetV2, gRPC, 8 in flight", LARGE, "grpc", 8, "rate",
        Reference(28, 59), Target(2.5), _NOT_SLOWER, seconds=3.0),
    Row("resnet50_4", "ResNet50, gRPC, 4 in flight", RESNET50, "grpc", 4, "rate",
        Reference(5, 9), Target(2.5), _NOT_SLOWER, seconds=4.0),
)  # fmt: skip
