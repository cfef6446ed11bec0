"""The few pieces of protobuf's encoding that a tensor needs, written and read without copying what is large.

protobuf's own Python classes copy a tensor's bytes into a message, into a map and into the text of the request. Here a
request is joined once from views of the arrays, and an answer's arrays are views of the received bytes. Only tensors
are written this way; every other message is small, and made with protobuf.

Source: protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator

from seaway.errors import DataLoss

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MAX_VARINT_BYTES = 10
_SEVEN_BITS = 0x7F
_MORE = 0x80
_WIDTHS = {FIXED64: 8, FIXED32: 4}


def varint(value: int) -> bytes:
    """Return a number as a varint; negative ones as the 64 bits that stand for them."""
    if 0 <= value < _MORE:
        return _ONE_BYTE[value]
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= _MORE:
        out.append(value & _SEVEN_BITS | _MORE)
        value >>= 7
    out.append(value)
    return bytes(out)


_ONE_BYTE = [bytes([value]) for value in range(_MORE)]


def delimited(key: bytes, value: bytes) -> bytes:
    """Return a field of bytes: its key, its length, and what it holds."""
    return b"".join((key, varint(len(value)), value))


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a position, and where it ends.

    Raises:  DataLoss - it does not end.
    """
    try:
        value = data[at]
        if value < _MORE:
            return value, at + 1
        value &= _SEVEN_BITS
        for shift in range(7, 7 * _MAX_VARINT_BYTES, 7):
            at += 1
            byte = data[at]
            value |= (byte & _SEVEN_BITS) << shift
            if byte < _MORE:
                return value, at + 1
    except IndexError:
        pass
    raise DataLoss(f"the answer is no protobuf message: a number at byte {at} does not end")


def fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield each field of a message as its number, its wire type and two numbers.

    These are where its bytes begin and end; of a varint, its value and 0.

    Raises:  DataLoss - the bytes are no message.
    """
    while at < end:
        key = data[at]
        key, at = (key, at + 1) if key < _MORE else read_varint(data, at)
        wire = key & 7
        if wire == VARINT:
            value, at = read_varint(data, at)
            yield key >> 3, wire, value, 0
            continue
        if wire == BYTES:
            length, at = read_varint(data, at)
        elif wire in _WIDTHS:
            length = _WIDTHS[wire]
        else:
            raise DataLoss(f"the answer is no protobuf message: wire type {wire} at byte {at}")
        if at + length > end:
            raise DataLoss(f"the answer is cut off: a field of {length} bytes at byte {at}, and {end - at} are left")
        yield key >> 3, wire, at, at + length
        at += length
