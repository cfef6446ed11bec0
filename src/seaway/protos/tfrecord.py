"""TFRecord files: a length, its checksum, the record, its checksum, and the next one.

Source: tensorflow/core/lib/io/record_reader.cc.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import google_crc32c

from seaway.errors import DataLoss

_MAX_RECORD_BYTES = 1 << 31
_MASK_DELTA = 0xA282EAD8
_LENGTH = struct.Struct("<QI")
_CRC_BYTES = 4


def read_tfrecords(file: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the records of an uncompressed TFRecord file.

    Raises:  DataLoss - names the record that is damaged.
    """
    index = 0
    while head := file.read(_LENGTH.size):
        if len(head) < _LENGTH.size:
            raise DataLoss(f"{name}: record {index} is cut off in its length")
        length, length_crc = _LENGTH.unpack(head)
        if masked_crc(head[:8]) != length_crc or length > _MAX_RECORD_BYTES:
            raise DataLoss(f"{name}: the length of record {index} is damaged")
        body = file.read(length + _CRC_BYTES)
        if len(body) < length + _CRC_BYTES:
            there = max(0, len(body) - _CRC_BYTES)
            raise DataLoss(f"{name}: record {index} is cut off: {length} bytes expected, {there} there")
        (crc,) = struct.unpack("<I", body[length:])
        if masked_crc(body[:length]) != crc:
            raise DataLoss(f"{name}: the content of record {index} is damaged")
        yield body[:length]
        index += 1


def masked_crc(data: bytes) -> int:
    """Return TFRecord's checksum of some bytes.

    Source: tensorflow/core/lib/hash/crc32c.h, Mask.
    """
    crc = int(google_crc32c.value(data))
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def write_tfrecords(file: BinaryIO, records: Iterable[bytes]) -> None:
    """Write records as an uncompressed TFRecord file.

    Source: tensorflow/core/lib/io/record_writer.cc.
    """
    for record in records:
        length = len(record).to_bytes(8, "little")
        file.write(length + struct.pack("<I", masked_crc(length)))
        file.write(record + struct.pack("<I", masked_crc(record)))
