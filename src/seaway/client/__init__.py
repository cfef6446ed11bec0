"""A client of Seaway and of TensorFlow Serving that needs no TensorFlow: numpy in, numpy out.

It owns what happens between an array and an answer: encoding, checks against the model's signature, splitting, retries,
the choice of an address. It knows nothing of how a server works, and works against any that speaks TensorFlow
Serving's APIs. What differs between gRPC and REST ends in `over_grpc` and `over_rest`; what differs between a blocking
and an asynchronous program ends in `transports` and `runtime`: everything else is written once, as coroutines that a
blocking client runs to their end without an event loop.
"""

from __future__ import annotations

from seaway.client.answer import Answer, Labelled, ModelListed, VersionStatus
from seaway.client.asynchronous import AsyncClient
from seaway.client.blocking import Client
from seaway.client.operations import AsyncOperation, Operation, OperationStatus
from seaway.client.options import Options, RetryPolicy, Secret, Tls
from seaway.client.signature import Signature, TensorSpec

__all__ = [
    "Answer",
    "AsyncClient",
    "AsyncOperation",
    "Client",
    "Labelled",
    "ModelListed",
    "Operation",
    "OperationStatus",
    "Options",
    "RetryPolicy",
    "Secret",
    "Signature",
    "TensorSpec",
    "Tls",
    "VersionStatus",
]
