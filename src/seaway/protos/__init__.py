"""TensorFlow's and TensorFlow Serving's messages, private to Seaway.

The descriptors are compiled into `seaway._core` from `proto/`; here they become Python classes in a descriptor pool of
their own. The names on the wire are TensorFlow's, yet nothing clashes when a process also imports TensorFlow or the
official client stubs, because those register in protobuf's default pool. There are no generated modules.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from seaway import _core


@cache
def _pool() -> descriptor_pool.DescriptorPool:
    """Build the pool on first use: importing this module costs nothing."""
    pool = descriptor_pool.DescriptorPool()
    files = descriptor_pb2.FileDescriptorSet.FromString(_core.descriptor_set())
    for file in files.file:  # every file after those that it imports
        pool.Add(file)
    return pool


@cache
def message(full_name: str) -> Any:
    """Return the class of the message with this full name, for example `tensorflow.ConfigProto`.

    Raises:  KeyError - no file in `proto/` defines it.
    """
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(full_name))
